"""The page in a real headless Chromium: no console error, controls work, hostile names are inert."""

import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from pyadvspur import evaluation, report

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))
sys.path.insert(0, str(Path(__file__).parent))
import toys
import webdriver

pytestmark = pytest.mark.skipif(bool(webdriver.missing()), reason=webdriver.missing() or "there is a browser")
EVIL = '<script>window.evil=1</script><img src=x onerror="window.evil=2">'
RIGHT, END, ESCAPE = "\ue014", "\ue010", "\ue00c"


def trained(seed, **info):
    net = toys.Net(seed)
    net.training_info = info
    return net


class Hostile(toys.Toy):
    name = "toy"
    class_names = (EVIL, "</script>middle", "bright")
    group_names = ("even" + EVIL, "odd")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    models = {
        "cnn": trained(0, arch="cnn", norm="", eps=0.0), "cnn_linf": trained(1, arch="cnn", norm="linf", eps=2 / 255),
        "cnn_l2": trained(2, arch="cnn", norm="l2", eps=0.5), EVIL: toys.Net(3), "e": toys.Net(4), "f": toys.Net(5),
        "g": toys.Net(6),
    }  # fmt: skip
    attacks = ["linf:1/255,4/255(steps=2)", "l2:0.2,0.5(steps=2)"]
    run = evaluation.evaluate(
        models, [Hostile()], attacks, folder, progress=False, limit=40, threads=1, save_points=True
    )
    return report.write(run, folder / "report.html")


@pytest.fixture(scope="module")
def browser(page):
    with webdriver.Browser() as found:
        found.open(page)
        yield found


def choose(browser, name, value):
    browser.run(
        "const s = document.getElementById(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('change'))",
        name, value,
    )  # fmt: skip


def test_it_opens_without_a_word_on_the_console_and_asks_for_nothing(browser):
    assert browser.console() == []
    assert (
        browser.run(
            "return performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length"
        )
        == 0
    )
    assert browser.run("return document.querySelectorAll('#scatter g.item').length") == 7
    assert browser.run("return document.querySelectorAll('#cards-view .card').length") == 7
    assert browser.run("return document.querySelectorAll('#images-view figure img').length") == 4
    assert browser.run("return [...document.images].every(i => i.complete ? i.naturalWidth > 0 : true)")


def test_hostile_names_stay_names(browser):
    assert browser.run("return window.evil") is None
    assert (
        browser.run("return document.querySelectorAll('main script, main img[onerror], table img').length")
        == 0
    )
    assert browser.run(
        "return document.querySelector('#main-1 tbody').textContent.includes(arguments[0])", EVIL
    )
    assert browser.run(
        "return [...document.querySelectorAll('.card h3')].some(h => h.textContent === arguments[0])", EVIL
    )
    choose(browser, "answers-1", "3")
    # samples 0, 1, 2 are of classes 0, 1, 2
    assert browser.run(
        "return document.querySelector('#images-view table').textContent.includes('</script>middle')"
    )
    assert browser.run("return window.evil") is None


def test_choosing_a_metric_and_an_attack_changes_the_chart(browser):
    state = "return [...document.querySelectorAll('#scatter g.item')].map(g => g.getAttribute('aria-label'))"
    spots = "return [...document.getElementById(arguments[0]).options].map(o => o.value)"
    first = browser.run(state)
    others = browser.run(spots, "y-metric")
    now = browser.run("return document.getElementById('y-metric').value")
    choose(browser, "y-metric", next(value for value in others if value != now))
    second = browser.run(state)
    assert second != first
    attacks = browser.run(spots, "x-attack")
    assert len(attacks) >= 4
    now = browser.run("return document.getElementById('x-attack').value")
    choose(browser, "x-attack", next(value for value in attacks if value != now))
    assert browser.run(state) not in (first, second)
    lines = "return [...document.querySelectorAll('#curve path.curve')].map(p => p.getAttribute('d')).join()"
    before = browser.run(lines)
    choose(browser, "curve-attack", browser.run(spots, "curve-attack")[1])
    assert browser.run(lines) != before


def test_points_are_reached_by_keyboard(browser):
    assert browser.run("return document.querySelectorAll('#scatter g.item[tabindex=\"0\"]').length") == 1
    browser.run("document.querySelector('#scatter g.item').focus()")
    shown = "const t = document.getElementById('tip'); return t.hidden ? '' : t.textContent"
    first = browser.run(shown)
    assert "95" in first or "n =" in first
    browser.keys(RIGHT)
    assert browser.run(shown) not in ("", first)
    browser.keys(END)
    last = browser.run(
        "return document.activeElement === [...document.querySelectorAll('#scatter g.item')].at(-1)"
    )
    assert last
    browser.keys(ESCAPE)
    assert browser.run(shown) == ""


def test_tables_sort_filter_and_download(browser):
    column = """return [...document.querySelectorAll('#main-1 tbody tr')].filter(r => !r.hidden)
      .map(r => Number(r.cells[1].dataset.v))"""
    head = "document.querySelectorAll('#main-1 thead th')[1]"
    browser.run(f"{head}.querySelector('button').click()")
    assert browser.run(f"return {head}.getAttribute('aria-sort')") == "descending"
    values = browser.run(column)
    assert values == sorted(values, reverse=True)
    browser.run(f"{head}.querySelector('button').click()")
    assert browser.run(f"return {head}.getAttribute('aria-sort')") == "ascending"
    assert browser.run(column) == sorted(values)
    browser.run(
        "const f = document.querySelector('.tools[data-for=main-1] input'); f.value = 'cnn_';"
        "f.dispatchEvent(new Event('input'))"
    )
    assert len(browser.run(column)) == 2
    csv = browser.run(
        "const a = document.querySelector('.tools[data-for=main-1] a.csv'); a.focus();"
        "return [a.download, a.href.slice(0, 5)]"
    )
    assert csv == ["main-1.csv", "blob:"]


def test_downloads_hold_the_numbers(browser, page, tmp_path):
    browser.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.run("document.getElementById('all').open = true")
    deadline = "return document.querySelector('#metrics tbody')?.rows.length || 0"
    metrics = evaluation.load(page.parent).metrics()
    wait(lambda: browser.run(deadline) == len(metrics))
    browser.run("document.querySelector('#all-view a.csv').click()")
    file = tmp_path / "metrics.csv"
    wait(file.exists)
    import pandas as pd

    found = pd.read_csv(file)
    assert len(found) == len(metrics)
    assert found["value [95 % interval]"].to_numpy() == pytest.approx(
        metrics["value"].to_numpy(), abs=1e-8, nan_ok=True
    )
    assert EVIL in set(found["model"])


def wait(done, seconds=20):
    import time

    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def test_series_can_be_hidden_and_a_model_marked(browser):
    points = "return document.querySelectorAll('#scatter g.item').length"
    before = browser.run(points)
    browser.run("document.querySelector('#series button').click()")
    assert (
        browser.run("return document.querySelector('#series button').getAttribute('aria-pressed')") == "false"
    )
    assert browser.run(points) < before
    cards = "return [...document.querySelectorAll('#cards-view .card')].filter(c => c.offsetParent).length"
    assert browser.run(cards) == browser.run(points)
    choose(browser, "mark", "2")
    dim = "return document.querySelectorAll('#cards-view .card.dim').length"
    assert browser.run(dim) == 6
    choose(browser, "mark", "-1")
    assert browser.run(dim) == 0
    browser.run("document.querySelector('#series button').click()")
    assert browser.run(points) == before


def test_adversarial_images_are_shown_with_answers(browser, page):
    browser.run("document.getElementById('adversarial').scrollIntoView()")
    figures = "return [...document.querySelectorAll('#adversarial-view figure')].map(f => f.textContent)"
    models = browser.run("return [...document.getElementById('adversarial-model').options].map(o => o.value)")
    assert len(models) > 1
    seen = []
    for model in models[:2]:
        choose(browser, "adversarial-model", model)
        seen.append(browser.run(figures))
    assert seen[0] != seen[1]
    assert all("radius" in text and "answer, attacked" in text for text in seen[0])
    loaded = "return [...document.querySelectorAll('#adversarial-view img')].every(i => i.naturalWidth > 0)"
    wait(lambda: browser.run(loaded))


def test_changed_answers_follow_the_choice(browser):
    text = "return document.querySelector('#changed-answers').textContent"
    before = browser.run(text)
    choose(browser, "change-pair", "1")
    assert browser.run(text) != before


def test_themes_have_contrast_and_the_choice_holds(browser, tmp_path):
    colours = """
      const probe = document.createElement('i'); document.body.append(probe);
      const rgb = (name) => {
        probe.style.color = `var(--${name})`;
        return getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
      };
      const names = 'back wash warn-back ink soft accent good bad l1 l2 linf other standard'.split(' ');
      const found = Object.fromEntries(names.map((n) => [n, rgb(n)]));
      probe.remove(); return found;"""
    seen = []
    for theme in ("light", "dark"):
        browser.run(
            "const s = document.querySelector('#theme select'); s.value = arguments[0];"
            "s.dispatchEvent(new Event('change'))", theme,
        )  # fmt: skip
        found = browser.run(colours)
        seen.append(found["back"])
        for name in ("ink", "soft", "accent", "good", "bad", "l1", "l2", "linf", "other", "standard"):
            assert contrast(found[name], found["back"]) >= 4.5, (theme, name)
        for name in ("ink", "soft"):
            assert contrast(found[name], found["wash"]) >= 4.5, (theme, name)
        assert contrast(found["ink"], found["warn-back"]) >= 4.5
        assert browser.screenshot(tmp_path / f"{theme}.png").stat().st_size > 20_000
    assert seen[0] != seen[1]


def contrast(one, two):
    def luminance(colour):
        parts = [c / 255 for c in colour]
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_it_is_built_for_readers_that_cannot_see_it(browser):
    assert browser.run(
        "return ['header', 'nav', 'main', 'footer'].every(t => document.querySelectorAll(t).length === 1)"
    )
    unnamed = browser.run("""return [...document.querySelectorAll('button, select, input, a')].filter(e => !(
      e.tagName !== 'SELECT' && e.textContent.trim() || e.getAttribute('aria-label')
      || e.labels?.length && e.labels[0].textContent.replace(e.textContent, '').trim())).length""")
    assert unnamed == 0
    assert browser.run(
        "return [...document.querySelectorAll('table')].every(t => t.caption && t.querySelector('th[scope]'))"
    )
    assert browser.run("return [...document.images].every(i => i.alt)")
    levels = browser.run("return [...document.querySelectorAll('h1, h2, h3')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    twice = browser.run(
        "const ids = [...document.querySelectorAll('[id]')].map(e => e.id);"
        "return ids.filter((id, k) => ids.indexOf(id) !== k)"
    )
    assert twice == []


def test_a_narrow_window_does_not_scroll_sideways(browser):
    browser.size(500, 800)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    browser.size(1280, 900)
    assert browser.console() == []


def test_the_data_cannot_leave_its_element(page):
    text = page.read_text()
    data = text.partition('id="data">')[2].partition("</script>")[0]
    assert "<" not in data
    assert EVIL in [model["name"] for model in json.loads(data)["models"]]
