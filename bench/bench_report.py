"""The report's page: seconds to write, bytes, and how fast a browser has it, at 22 and at 100 models.

    python bench/bench_report.py [--models 22 100] [--run DIR] [--quick] [--save]

The runs are synthetic outcomes of full size in the store's own format: every condition of the embedded benchmark
(700 samples each), two attacks with seven radii on its two attacked conditions, the true example images. --run also
measures a run that is there. `command` is the wall time of `advspur report DIR` in a fresh process, imports included;
the columns after it split one more writing in this process. The browser is a headless Chromium, if there is one: `load`
is the navigation's load event (median of 5 openings), `script` the page's own script in it, `redraw` one change of the
metric. Checked first: the page holds the very numbers of `metrics.summarise`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common
import numpy as np

from pyadvspur import attacks, evaluation, report
from pyadvspur.benchmarks.embedded import Embedded
from pyadvspur.evaluation import api, joined, samples
from pyadvspur.evaluation.store import Store
from pyadvspur.evaluation.subject import Subject

ATTACKS = ("linf:1/255,2/255,4/255,8/255", "l2:0.25,0.5,1")
RADII = {"l2": (0.1, 0.25, 0.5, 0.75, 1.0), "linf": tuple(k / 255 for k in (0.5, 1, 2, 4, 8))}


def synthesise(folder: Path, models: int, seed: int = 0) -> None:
    """A finished run of so many models whose answers are drawn at random, easier ones right more often."""
    rng = np.random.default_rng(seed)
    benchmark = Embedded()
    kinds = [
        (arch, norm, eps) for arch in ("cnn", "resnet") for norm, found in RADII.items() for eps in found
    ]
    subjects = []
    for k in range(models):
        arch, norm, eps = (("cnn", "resnet")[k], "", 0.0) if k < 2 else kinds[(k - 2) % len(kinds)]
        name = f"{arch}_{norm or 'standard'}_{eps:.4g}_{k:03d}"
        info = {"arch": arch, "norm": norm, "eps": eps, "seed": k // len(kinds)}
        subjects.append(Subject(name, f"{k:064x}", name, info))
    plan = api.make_plan(subjects, [benchmark], ATTACKS)
    store = Store(folder)
    store.start(plan, api._record(subjects, [benchmark]))
    samples.save(store, [benchmark], 0)
    source = {
        name: benchmark.read(name, 0, benchmark.size(name))
        for name in {c.source for c in benchmark.conditions}
    }
    hard = rng.random(benchmark.size("original"))
    for unit in plan.units():
        batch = source[unit.source][unit.start : unit.stop]
        k = int(unit.model_fingerprint, 16)
        spec = None if unit.attack == "none" else attacks.parse(unit.attack)
        radii = (0.0,) if spec is None else spec.eps
        label = batch.labels.numpy()
        skill = 0.97 - 0.3 * (k % 11) / 11 - 0.02 * (len(unit.condition) % 7)
        falls = np.array([skill - (0 if spec is None else 0.8 * r / max(radii)) for r in radii])
        noise = 0.1 * rng.standard_normal(len(label))
        correct = (hard[unit.start : unit.stop] + noise < falls[:, None]).ravel()
        n = len(correct)
        labels = np.tile(label, len(radii))
        wrong = (labels + rng.integers(1, 10, n)) % 10
        columns = {
            "eps": np.repeat(radii, len(label)), "sample": np.tile(batch.ids.numpy(), len(radii)), "label": labels,
            "group": np.tile(batch.groups.numpy(), len(radii)), "prediction": np.where(correct, labels, wrong),
            "probability": np.full(n, np.nan if spec else 0.5, np.float32), "margin": np.where(correct, 1.0, -1.0),
            "correct": correct, "distance": np.zeros(n, np.float32), "steps": np.zeros(n, np.int64),
            "error": np.array([""] * n, dtype=object),
        }  # fmt: skip
        store.write(unit, "none" if spec is None else spec.kind, columns)
    joined.join(store, plan.units())


def check(run: common.Run, page: Path, metrics) -> None:
    held = json.loads(page.read_text().partition('id="data">')[2].partition("</script>")[0])["metrics"]
    given = np.array([np.nan if v is None else v for v in held["value"]])
    both = np.isnan(given) == metrics["value"].isna().to_numpy()
    error = np.nanmax(np.abs(given - metrics["value"].to_numpy())) if both.all() and len(given) else np.inf
    run.check(f"numbers of {page.parent.name}", float(error), 1e-8)


def in_browser(page: Path, repeats: int) -> dict[str, float]:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "report"))
    import webdriver

    if missing := webdriver.missing():
        print(f"no browser figures: {missing}")
        return {}
    loads, scripts = [], []
    with webdriver.Browser() as browser:
        for _ in range(repeats):
            browser.open(page)
            loads.append(browser.run("return performance.getEntriesByType('navigation')[0].loadEventEnd"))
            scripts.append(browser.run("return performance.getEntriesByName('advspur')[0].duration"))
        redraw = browser.run("""
            const metric = document.getElementById('y-metric'), taken = [];
            for (const option of [...metric.options].slice(0, 9)) {
              const before = performance.now();
              metric.value = option.value;
              metric.dispatchEvent(new Event('change'));
              document.getElementById('scatter').getBoundingClientRect();
              taken.push(performance.now() - before);
            }
            return taken.sort((a, b) => a - b)[4];""")
        errors = browser.console()
        if errors:
            sys.exit(f"the console is not empty: {errors[:3]}")
    return {"load_ms": statistics.median(loads), "script_ms": statistics.median(scripts), "redraw_ms": redraw}


def one(run: common.Run, name: str, folder: Path) -> None:
    page = folder / "report.html"
    command = [sys.executable, "-m", "pyadvspur", "report", str(folder), "--format", "html"]
    taken = []
    for _ in range(run.options.repeats or (1 if run.quick else 3)):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    times = [time.perf_counter()]
    runs = report.Runs(evaluation.load(folder))
    rows = len(runs.outcomes())
    times.append(time.perf_counter())
    metrics = runs.metrics()
    times.append(time.perf_counter())
    report.write(runs, page)
    times.append(time.perf_counter())
    check(run, page, metrics)
    parts = dict(zip(("read_s", "metrics_s", "page_s"), np.diff(times)))
    found = in_browser(page, 2 if run.quick else 5)
    run.row(
        run=name, outcomes=rows, command_s=statistics.median(taken), **parts,
        megabytes=page.stat().st_size / 1e6, **found,
    )  # fmt: skip


def main() -> None:
    def more(parser) -> None:
        parser.add_argument("--models", type=int, nargs="*", default=[22, 100])
        parser.add_argument("--run", type=Path, action="append", default=[], help="also a run that is there")

    run = common.start(__doc__, "report", more)
    with tempfile.TemporaryDirectory() as temporary:
        for count in run.options.models[:1] if run.quick else run.options.models:
            folder = Path(temporary) / f"{count}-models"
            synthesise(folder, count)
            one(run, f"{count} models, synthetic", folder)
        for folder in run.options.run:
            one(run, str(folder), folder)
    run.finish()


if __name__ == "__main__":
    main()
