"""Plug-ins: what an installed package adds works like the package's own; broken ones warn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import warnings
from importlib import metadata
from pathlib import Path

import pytest

from pyadvspur import AdvSpurError, attacks, benchmarks, evaluation, models, plugins
from pyadvspur.attacks import members
from pyadvspur.metrics import Measure

EXAMPLE = Path(__file__).parent / "example_package"
GROUPS = {f"pyadvspur.{group}" for group in plugins.GROUPS}


def install(site, project, modules=()):
    """What pip leaves behind, without pip: the modules and the metadata with the entry points."""
    name = project["name"].replace("-", "_")
    folder = site / f"{name}-{project['version']}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()), ""]
    (folder / "entry_points.txt").write_text("\n".join(lines))
    for module in modules:
        (site / module.name).write_text(module.read_text())


def test_the_example_end_to_end(tmp_path):
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    assert set(project["entry-points"]) == GROUPS
    install(tmp_path / "site", project, [EXAMPLE / "advspur_example.py"])
    code = """
import json, sys
from pyadvspur import attacks, benchmarks, evaluation, models, report
assert "advspur_example" not in sys.modules
shown = [benchmarks.names(), models.names("stripe*"), models.info("stripe-net").source]
assert "advspur_example" not in sys.modules  # listing runs none of its code
run = evaluation.evaluate(
    ["stripe-net"], ["stripes?n=30"], ["linf:0,0.1,0.2(shade)", "linf:0.2(ensemble=shade+pgd)"], "run",
    progress=False,
)
assert not run.failures(), run.failures()
rows = run.metrics()[["measure", "attack", "eps", "value", "n"]].values.tolist()
columns = [column.title for column in report.trade_off(run)["stripes"].columns]
print(json.dumps({"columns": columns, "shown": shown, "rows": rows, "training": run.record["training"]}))
"""
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site"), "OMP_NUM_THREADS": "1"}
    call = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(call, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["shown"] == [
        sorted([*benchmarks.names(), "stripes"]), ["stripe-net"], "advspur-example 1.0",
    ]  # fmt: skip
    assert told["training"] == {"stripe-net": {"arch": "stripe-net", "norm": "", "eps": 0.0}}
    values = {(measure, attack, eps): value for measure, attack, eps, value, _ in told["rows"]}
    # by hand: image i is right while its contrast 2 (i + 1) / 255 exceeds what tint and shade say against it
    against = {
        "turned": (0.05, 0.5 * (60 / 255 - 0.1)),
        0.1: (0.5 * (0.3 - 60 / 255), 0.05),
        0.2: (0.5 * (0.5 - 60 / 255), 0.15),
    }
    right = {
        what: sum(2 * (i + 1) / 255 > (odd if i % 2 else even) for i in range(30)) / 30
        for what, (odd, even) in against.items()
    }
    assert values["accuracy", "none", 0] == 1
    assert (
        values["lost to the tint", "none", 0]
        == pytest.approx((1 - right["turned"]) / 2)
        == pytest.approx(7 / 60)
    )
    for eps in (0.1, 0.2):
        assert values["robust accuracy", "shade-linf", eps] == pytest.approx(right[eps])
    assert values["robust accuracy", "shade-linf", 0] == 1
    assert values["robust accuracy", "ensemble-shade+pgd-linf", 0.2] <= right[0.2]
    assert all(n == 30 for *_, n in told["rows"])
    assert any("lost to the tint" in column for column in told["columns"])
    # here the package is not installed: what it measured is left out, the rest is there
    run = evaluation.load(tmp_path / "run")
    with pytest.warns(UserWarning, match=r"'lost to the tint' is left out.*flip_rate"):
        found = run.metrics()
    assert set(found["measure"]) == {"accuracy", "robust accuracy"}
    assert set(found["attack"]) == {"none", "shade-linf", "ensemble-shade+pgd-linf"}


@pytest.fixture
def installed(monkeypatch):
    """Pretends that entry points are installed: {group: [(name, value, distribution)]}."""

    def pretend(**groups):
        def entry_points(group):
            found = []
            for name, value, owner in groups.get(group.removeprefix("pyadvspur."), []):
                entry = metadata.EntryPoint(name, value, group)
                vars(entry).update(dist=_Owner(owner))
                found.append(entry)
            return found

        monkeypatch.setattr(plugins.metadata, "entry_points", entry_points)
        _forget()

    yield pretend
    monkeypatch.undo()
    _forget()


class _Owner:
    version = "2.0"

    def __init__(self, name):
        self.name = name


def _forget():
    plugins._found.cache_clear()
    plugins._usable.cache_clear()


def test_broken_plugins_warn_and_break_nothing(installed):
    broken = "no_such_module_x:thing"
    installed(
        models=[("good", "torch.nn:Identity", "fine"), ("bad", broken, "broken-package")],
        metrics=[("odd", "json:dumps", "broken-package"), ("gone", broken, "broken-package")],
        attacks=[("zap", "json:dumps", "broken-package")],
        benchmarks=[("data", "json:dumps", "broken-package")],
    )
    assert models.names("[bg]*d") == ["bad", "good"]
    assert isinstance(models.load("good"), models.Classifier)
    for call in (
        lambda: models.load("bad"),
        lambda: Measure("gone", "gone"),
        lambda: Measure("odd", "odd"),
        lambda: attacks.parse("linf:0.1(zap)"),
        lambda: benchmarks.parse("data"),
    ):
        with pytest.raises(AdvSpurError, match=r"bad|gone|odd|zap|data"):
            call()
    with pytest.warns(plugins.PluginWarning, match=r"'bad' of pyadvspur\.models \(broken-package 2\.0\)"):
        assert [name for name, _ in plugins.available("models")] == ["good"]
    # everything else goes on
    assert attacks.parse("linf:0.1").attack == "pgd"
    assert Measure("accuracy", "accuracy", condition="x").kind == "accuracy"


@pytest.mark.parametrize(
    "entries, why",
    [
        ([("resnet50_l2_eps3", "a:b", "rogue")], "of its own"),
        ([("timm", "a:b", "rogue")], "of its own"),
        ([("twin", "a:b", "one"), ("twin", "c:d", "two")], r"two 2\.0 has one of the same name"),
        ([("a@b:c", "a:b", "rogue")], "its name is not"),
        ([("plain", "module_only", "rogue")], "not of the form"),
    ],
)
def test_names_that_are_refused(installed, entries, why):
    installed(models=entries)
    with pytest.warns(plugins.PluginWarning, match=why):
        assert not plugins.names("models", models.registry.RESERVED)
    with warnings.catch_warnings():  # said once
        warnings.simplefilter("error")
        assert entries[0][0] not in models.names() or entries[0][0] in models.suite("salman20")


def test_built_in_names_stand(installed):
    rogue = [("pgd", "a:b", "rogue"), ("accuracy", "a:b", "rogue"), ("embedded", "a:b", "rogue")]
    installed(attacks=rogue, metrics=rogue, benchmarks=rogue)
    for names, own in (
        (lambda: members.known(), "pgd"),
        (lambda: benchmarks.names(), "embedded"),
    ):
        with pytest.warns(plugins.PluginWarning, match="of its own"):
            assert names().count(own) == 1
    assert members.member("pgd").builder.startswith("pyadvspur.")
