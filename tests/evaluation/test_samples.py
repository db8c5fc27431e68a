"""Which images a run keeps for its report."""

from dataclasses import replace

from pyadvspur import benchmarks, masking
from pyadvspur.benchmarks import Condition
from pyadvspur.evaluation import samples


def test_many_conditions_are_thinned_out_and_trials_shown_once():
    bench = benchmarks.Embedded()
    few = samples.chosen(bench)
    assert [c.name for c in few] == [c.name for c in bench.conditions]
    again = tuple(replace(c, name=f"{c.name}/1", trial=1) for c in bench.conditions)
    levels = tuple(Condition(f"n{k}", "original", masking.noise("everywhere", std=k / 99)) for k in range(90))
    bench.conditions = (*bench.conditions, *again, *levels)
    found = samples.chosen(bench)
    assert len({c.name for c in found}) == len(found) == samples.MOST
    assert (found[0].name, found[-1].name) == (bench.conditions[0].name, "n89")
    assert not any(c.trial for c in found)
