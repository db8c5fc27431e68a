"""Several runs read as one, and what warnings, groups and changed answers say of a run."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyadvspur import AdvSpurError, evaluation, report
from pyadvspur.metrics import group_accuracy
from pyadvspur.metrics.changes import Answers, answers, changes
from pyadvspur.report import concerns, groups, several

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))
import toys


def evaluate(out, models, **options):
    return evaluation.evaluate(models, [toys.Toy()], out=out, progress=False, threads=1, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def a(folder):
    return evaluate(
        folder / "a", {"one": toys.Net(0), "two": toys.Net(1)}, limit=40, attacks=["linf:2/255(steps=2)"]
    )


def test_the_same_things_are_merged_and_others_are_told_apart(folder, a):
    b = evaluate(
        folder / "b", {"two": toys.Net(2), "one": toys.Net(0)}, limit=40, attacks=["l2:0.2(steps=2)"]
    )
    both = report.Runs([a, b])
    assert list(both.models()["model"]) == ["one", "two (a)", "two (b)"]
    frame = both.outcomes()
    keys = ["model", "benchmark", "condition", "attack", "eps", "trial", "sample"]
    assert not frame.duplicated(keys).any()
    assert set(both.measures()) == {"toy"}
    mine = both.metrics().query("model == 'one' and attack != 'pgd-l2'").drop(columns="model")
    pd.testing.assert_frame_equal(
        mine.reset_index(drop=True),
        a.metrics().query("model == 'one'").drop(columns="model").reset_index(drop=True),
    )
    assert set(both.metrics()["attack"]) == {"none", "pgd-linf", "pgd-l2"}
    [told] = [c for c in concerns.concerns(both, both.metrics()) if "one name" in c.title]
    assert told.items == ("model two: two (a)", "model two: two (b)")
    page = report.write([a, b], folder / "both.html").read_text()
    assert a.plan.key in page
    assert b.plan.key in page


def test_other_seeds_counts_and_attack_options_are_other_things(folder, a):
    c = evaluate(folder / "c", {"one": toys.Net(0)}, limit=30, attacks=["linf:2/255(steps=3)"])
    both = several.Runs([a, c])
    assert set(both.measures()) == {"toy (a)", "toy (c)"}
    assert set(both.metrics()["attack"]) == {"none", "pgd-linf (a)", "pgd-linf (c)"}
    assert len(both.metrics()) == len(a.metrics()) + len(c.metrics())
    with pytest.raises(AdvSpurError, match="each folder once"):
        several.Runs([a, a])
    with pytest.raises(AdvSpurError, match="one or more"):
        several.Runs([])


def test_groups_are_those_of_the_metric(a):
    [table] = groups.group_tables(several.of(a))["toy"]
    rows = a.outcomes().query("model == 'one' and condition == 'swapped' and attack == 'none'")
    expected = group_accuracy(rows["correct"], rows["group"])
    cells = next(row for row in table.rows if row[0] == "one")
    assert [column.title.split("\n")[0] for column in table.columns] == [
        "model",
        "worst group, %",
        "even, %",
        "odd, %",
    ]
    assert [(c.value, c.low, c.n) for c in cells[2:]] == [(e.value, e.low, e.n) for e in expected.values()]
    assert cells[1].value == min(e.value for e in expected.values())


def test_changes_against_a_loop():
    rng = np.random.default_rng(0)
    n, k = 300, 4
    label, one, two = rng.integers(0, k, (3, n))
    sample = rng.permutation(10_000)[:n]
    order = np.argsort(sample)
    sides = [Answers(sample[order], label[order], p[order], (p == label)[order]) for p in (one, two)]
    part = Answers(*(column[::2] for column in vars(sides[1]).values()))
    for after, there in ((sides[1], np.ones(n, bool)), (part, np.isin(sample, part.sample))):
        found = changes(sides[0], after)
        counts = dict.fromkeys(("right", "stuck", "lost", "gained", "moved"), 0)
        for y, p, q in zip(label[there], one[there], two[there]):
            was, now = p == y, q == y
            name = (
                ("right" if now else "lost") if was else "gained" if now else "stuck" if p == q else "moved"
            )
            counts[name] += 1
        assert {name: getattr(found, name) for name in counts} == counts
        assert found.n == there.sum() == sum(counts.values())
        assert len(found.rows) == counts["lost"] + counts["gained"] + counts["moved"]
        assert (found.rows[:, 2] != found.rows[:, 3]).all()
        assert (found.rows[: counts["lost"], 1] == found.rows[: counts["lost"], 2]).all()


def test_pictures_carry_the_answers_of_their_own_images(folder, a):
    page = report.write(a, folder / "a.html").read_text()
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    benchmark = data["benchmarks"][0]
    names = [m["name"] for m in data["models"]]
    condition = next(c for c in benchmark["conditions"] if c["name"] == "swapped")
    assert data["pictures"][condition["picture"]]["count"] == 6
    ids = (toys.Toy().read("swapped", 0, 6).ids).tolist()
    frame = a.outcomes().query("condition == 'swapped' and attack == 'none'").set_index(["model", "sample"])
    assert condition["labels"] == [int(frame.loc[(names[0], i), "label"]) for i in ids]
    for name, given in zip(names, condition["answers"]):
        assert given == [int(frame.loc[(name, i), "prediction"]) for i in ids]
    held = answers(a.outcomes())
    for (pair, model, n, *counts), examples in zip(benchmark["counts"], benchmark["examples"]):
        assert n == sum(counts)
        before = held["toy", names[model], benchmark["pairs"][pair][2], "none", 0.0]
        for sample, label, was, now, place in examples:
            at = np.searchsorted(before.sample, sample)
            assert (before.label[at], before.prediction[at]) == (label, was)
            assert was != now
            assert place == (ids.index(sample) if sample in ids else -1)


class Torn(toys.Toy):
    """One image cannot be read."""

    name = "torn"

    def read(self, source, start, stop):
        from dataclasses import replace

        batch = super().read(source, start, stop)
        errors = tuple("img7.png: truncated <b>file</b>" if i == 7 * 7 else "" for i in batch.ids.tolist())
        return replace(batch, errors=errors)


def test_warnings_name_what_is_missing_broken_or_undefined(folder):
    with pytest.warns(UserWarning, match="units failed"):
        run = evaluation.evaluate(
            {"good": toys.Net(0), "bad": toys.NotANumber(1)}, [Torn()], out=folder / "torn", progress=False, threads=1,
            limit=30, on_error="record",
        )  # fmt: skip
    metrics = run.metrics()
    metrics.loc[0, ["value", "low", "high", "note"]] = [np.nan, np.nan, np.nan, "undefined: no image"]
    found = concerns.concerns(several.of(run), metrics)
    titles = " ".join(c.title for c in found)
    for text in ("is not complete", "units failed", "1 image could not be used", "undefined"):
        assert text in titles
    page = report.write(run, folder / "torn.html").read_text()
    assert "truncated &lt;b&gt;file&lt;/b&gt;" in page


def test_signs_of_gradient_masking():
    def row(attack, eps, value):
        return ("b", "m", "r", "robust_accuracy", attack, eps, value, value - 0.02, value + 0.02, 100, "")

    columns = ["benchmark", "model", "measure", "kind", "attack", "eps", "value", "low", "high", "n", "note"]
    fine = [row("pgd-linf", 0.1, 0.5), row("square-linf", 0.1, 0.6), row("pgd-linf", 0.2, 0.3)]
    assert concerns._masking(pd.DataFrame(fine, columns=columns)) == []
    confined = row("pgd-foreground-linf", 0.1, 0.9)  # leaves more because it may do less
    assert concerns._masking(pd.DataFrame([*fine, confined], columns=columns)) == []
    [one] = concerns._masking(pd.DataFrame([*fine, row("square-linf", 0.2, 0.1)], columns=columns))
    assert "square-linf leaves 10.0%, attacks that use gradients leave 30.0%" in one.items[0]
    [two] = concerns._masking(pd.DataFrame([*fine, row("pgd-linf", 0.4, 0.31)], columns=columns))
    assert "rises with the radius" in two.items[0]


def test_what_attacks_said_of_gradients_is_kept_and_told(folder):
    run = evaluate(folder / "flat", {"flat": Flat(0)}, limit=20, attacks=["linf:2/255(steps=3)"])
    [said] = [c for c in concerns.concerns(several.of(run), run.metrics()) if "mislead" in c.title]
    assert "flat on toy/agrees, linf:2/255(steps=3): gradients may mislead" in said.items[0]


class Flat(toys.Net):
    """Steps have no gradient."""

    def forward(self, x):
        return super().forward((x * 3).round())


def test_borders_that_a_licence_asks_for_survive_the_page(folder, monkeypatch):
    """Large pages store photographs as JPEG: every image still stands in its colour, on all four sides."""
    import base64
    import io

    from PIL import Image

    class Framed(toys.Toy):
        name = "framed"
        input_size = 96
        frame = (255, 0, 0)

        def read(self, source, start, stop):
            from dataclasses import replace

            batch = super().read(source, start, stop)
            images, masks = (
                x.repeat_interleave(8, 1).repeat_interleave(8, 2) for x in (batch.images, batch.masks)
            )
            return replace(batch, images=images, masks=masks)

    class Wide(toys.Net):
        def forward(self, x):
            return super().forward(x[:, :, ::8, ::8])

    run = evaluation.evaluate(
        {"m": Wide(0)}, [Framed()], out=folder / "framed", progress=False, threads=1, limit=8
    )
    monkeypatch.setattr("pyadvspur.report.pictures._LARGE", 0)
    page = report.write(run, folder / "framed.html").read_text()
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    picture = data["pictures"][0]
    assert picture["source"].startswith("data:image/jpeg;base64,")
    image = Image.open(io.BytesIO(base64.b64decode(picture["source"].partition(",")[2])))
    assert image.size == (picture["width"], picture["height"])
    pixels = np.asarray(image).astype(int)
    cell, side = picture["width"] // picture["count"], picture["height"]
    for k in range(picture["count"]):
        one = pixels[:, k * cell : k * cell + side]
        for edge in (one[0], one[-1], one[:, 0], one[:, -1]):
            assert (edge[:, 0] > 200).all()
            assert (edge[:, 1:] < 70).mean() > 0.95
