"""Trends over training radii and spreads over seeds, against scipy, plain loops and simulated data of known truth."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from pyadvspur import AdvSpurError, metrics
from pyadvspur.metrics import Block, Measure
from pyadvspur.metrics.effects import student
from pyadvspur.metrics.joint import together
from pyadvspur.metrics.ranks import rank
from pyadvspur.metrics.rows import cells
from pyadvspur.metrics.series import clusters

GAP = Measure("bg_gap", "gap", same="same", rand="rand")
RADII = (0.1, 0.25, 0.5, 0.75, 1.0)


# ranks and permutations


def test_ranks_and_spearman_agree_with_scipy():
    rng = np.random.default_rng(0)
    for n in (3, 6, 11):
        x, y = rng.integers(0, 5, n).astype(float), rng.integers(0, 4, (40, n)).astype(float)
        assert np.array_equal(rank(y), stats.rankdata(y, axis=1))
        found = metrics.spearman(x, y)
        for mine, row in zip(found, y):
            if np.ptp(row) and np.ptp(x):
                assert mine == pytest.approx(stats.spearmanr(x, row).statistic, abs=1e-12)
            else:
                assert np.isnan(mine)


def slow_p(blocks, alternative):
    """Every order of every block, one by one."""
    orders = [list(permutations(y)) for _, y in blocks]
    totals = [0.0]
    for (x, _), block in zip(blocks, orders):
        rx = stats.rankdata(x)
        totals = [t + rx @ stats.rankdata(y) for t in totals for y in block]
    seen = sum(stats.rankdata(x) @ stats.rankdata(y) for x, y in blocks)
    totals = np.array(totals)
    far = {"greater": totals >= seen - 1e-9, "less": totals <= seen + 1e-9,
           "two-sided": np.abs(totals - totals.mean()) >= abs(seen - totals.mean()) - 1e-9}  # fmt: skip
    return far[alternative].mean()


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_exact_p_lists_every_order(alternative):
    rng = np.random.default_rng(1)
    for sizes in ((5,), (3, 4), (3, 3, 3)):
        blocks = [(np.arange(n) // 2 * 1.0, rng.integers(0, 4, n).astype(float)) for n in sizes]
        found = metrics.trend_p([Block(*block) for block in blocks], alternative)
        assert found == pytest.approx(slow_p(blocks, alternative), abs=1e-12)


def test_several_series_are_pages_test():
    rng = np.random.default_rng(2)
    table = rng.random((4, 6)) + 0.15 * np.arange(6)
    theirs = stats.page_trend_test(table, method="exact").pvalue
    assert metrics.trend_p([Block(np.arange(6), row) for row in table], "greater") == pytest.approx(theirs)


def test_long_series_are_drawn():
    y = np.random.default_rng(5).permutation(9)
    assert metrics.trend_p([Block(np.arange(20), np.arange(20))]) == 1 / 20_001
    pages = stats.page_trend_test(np.stack([y, y]), method="exact").pvalue
    found = metrics.trend_p([Block(np.arange(9), y)] * 2, "greater")
    assert found == pytest.approx(pages, abs=4 * np.sqrt(pages * (1 - pages) / 20_000))


def test_p_is_never_too_small():
    """Over all orders of six networks, a share of at most alpha has p <= alpha."""
    p = np.array([metrics.trend_p([Block(np.arange(5), np.array(y))]) for y in permutations(range(5))])
    for alpha in (0.01, 0.05, 0.1, 0.3):
        assert (p <= alpha + 1e-12).mean() <= alpha + 1e-12
    assert p.min() == pytest.approx(2 / 120)


def test_shared_networks_keep_their_place():
    x, y = np.arange(6), np.array([0.0, 5, 4, 3, 2, 1])
    held = np.array([True, *[False] * 5])
    # the held one adds the same to every order: what is left is the order of the other five
    assert metrics.trend_p([Block(x, y, held)]) == metrics.trend_p([Block(x[1:], y[1:])]) == 2 / 120
    assert metrics.trend_p([Block(x, y, np.ones(6, bool))]) == 1


# means over networks


def test_slopes_of_equal_designs_are_the_reml_estimate():
    """Random intercept and slope: the likelihood maximised by brute force gives the same slope and standard error."""
    rng = np.random.default_rng(3)
    x = np.linspace(0, 1, 6)
    y = rng.normal(0, 0.3, (5, 1)) + (1 + rng.normal(0, 0.4, (5, 1))) * x + rng.normal(0, 0.1, (5, 6))
    design = np.stack([np.ones(6), x], axis=1)

    def pieces(given):
        root = np.array([[np.exp(given[0]), 0], [given[1], np.exp(given[2])]])
        v = design @ root @ root.T @ design.T + np.exp(2 * given[3]) * np.eye(6)
        inverse = np.linalg.inv(v)
        information = len(y) * design.T @ inverse @ design
        beta = np.linalg.solve(information, design.T @ inverse @ y.sum(axis=0))
        return v, inverse, information, beta

    def deviance(given):
        v, inverse, information, beta = pieces(given)
        left = y - design @ beta
        return (
            len(y) * np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1]
            + np.einsum("si,ij,sj->", left, inverse, left)
        )  # fmt: skip

    best = optimize.minimize(
        deviance, [-1, 0, -1, -2], method="Nelder-Mead", options={"maxiter": 8000, "fatol": 1e-12}
    )
    _, _, information, beta = pieces(best.x)
    se = np.sqrt(np.linalg.inv(information)[1, 1])
    slopes = y @ (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    # draws that never move: no error of images
    found = metrics.random_mean(slopes, np.repeat(slopes[None], 10, axis=0))
    assert found.value == pytest.approx(beta[1], abs=1e-5)
    assert (found.mixed_high - found.value) / stats.t.ppf(0.975, 4) == pytest.approx(se, rel=2e-3)


def test_students_quantiles_agree_with_scipy():
    for free in (1, 1.3, 2, 3.7, 11, 250, 4e4, 1e9):
        for tail in (0.5, 0.75, 0.975, 0.9995):
            assert student(tail, free) == pytest.approx(stats.t.ppf(tail, free), rel=1e-6, abs=1e-9)


def test_spread_is_split_into_units_and_images():
    rng = np.random.default_rng(4)
    unit, own, shared = 0.05, 0.02, 0.03
    values = rng.normal(0, unit, 4000) + rng.normal(0, own, 4000)
    drawn = values + rng.normal(0, own, (300, 4000)) + rng.normal(0, shared, (300, 1))
    found = metrics.random_mean(values, drawn)
    assert found.unit_sd == pytest.approx(unit, rel=0.05)
    assert found.image_sd == pytest.approx(np.hypot(own, shared), rel=0.1)
    one = metrics.random_mean(values[:1], drawn[:, :1])
    assert (np.isnan(one.mixed_low), np.isnan(one.unit_sd), one.low < one.value < one.high) == (
        True,
        True,
        True,
    )


def test_mixed_intervals_cover_and_those_of_images_do_not():
    """Four networks, a common error of the images, another for each: the mean of all networks is the truth."""
    inside = np.zeros(2)
    for t in range(400):
        rng = np.random.default_rng(t)
        shared, own = rng.normal(0, 0.02), rng.normal(0, 0.02, 4)
        values = 0.5 + rng.normal(0, 0.05, 4) + shared + own
        drawn = values + rng.normal(0, 0.02, (200, 1)) + rng.normal(0, 0.02, (200, 4))
        found = metrics.random_mean(values, drawn)
        inside += [found.mixed_low <= 0.5 <= found.mixed_high, found.low <= 0.5 <= found.high]
    assert inside[0] / 400 >= 0.93
    assert inside[1] / 400 < 0.9


# outcomes of networks

LABELS = np.arange(300) % 10


def networks(seeds=(0,), arches=("cnn",), norms=("l2",)):
    rows = []
    for arch in arches:
        for seed in seeds:
            rows.append((f"{arch}-{seed}", "", 0.0, arch, seed))
            rows += [
                (f"{arch}-{norm}-{eps}-{seed}", norm, eps, arch, seed) for norm in norms for eps in RADII
            ]
    return pd.DataFrame(rows, columns=["model", "norm", "eps", "arch", "seed"])


def shown(models, rate, seed=0, labels=LABELS):
    """Outcomes of all models on the same images. rate: (row of models) -> accuracy with agreeing, with other ones."""
    rng = np.random.default_rng(seed)
    hard, frames = rng.random((2, len(labels))), []
    for row in models.itertuples():
        for k, condition in enumerate(("same", "rand")):
            noise = rng.normal(0, 0.02, len(labels))
            correct = hard[k] + noise < rate(row)[k]
            frames.append(pd.DataFrame({
                "model": row.model, "benchmark": "b", "condition": condition, "attack": "none", "eps": 0.0, "trial": 0,
                "sample": np.arange(len(labels)), "label": labels, "group": labels % 4, "correct": correct,
            }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def rising(row):
    return 0.95, 0.9 - 0.6 * row.eps


def test_series_and_what_they_share():
    models = networks(seeds=(0, 1), arches=("cnn", "resnet"), norms=("l2", "linf"))
    found = metrics.find_series(models)
    assert [s.name for s in found][:3] == ["l2 cnn seed 0", "l2 cnn seed 1", "l2 resnet seed 0"]
    assert found[0].models == ("cnn-0", *(f"cnn-l2-{eps}-0" for eps in RADII))
    assert found[0].radii == (0, *RADII)
    # l2 and linf of one architecture and seed begin at the same network
    assert clusters(found) == [[0, 4], [1, 5], [2, 6], [3, 7]]
    assert metrics.find_series(models[models["eps"] < 0.2]) == []
    nothing = pd.DataFrame({"model": ["a", "b"], "norm": None, "eps": np.nan})
    assert metrics.find_series(nothing) == []
    with pytest.raises(AdvSpurError, match="eps"):
        metrics.find_series(pd.DataFrame({"model": ["a"], "norm": ["l2"]}))


def test_a_trend_in_numbers():
    models = networks(seeds=(0, 1))
    outcomes = shown(models, rising)
    found = metrics.trends(outcomes, models, [GAP])
    table = metrics.summarise(outcomes, [GAP]).set_index("model")["value"]
    assert list(found.series["seed"]) == ["0", "1"]
    for row, series in zip(found.series.itertuples(), metrics.find_series(models)):
        value = table[list(series.models)].to_numpy()
        slope = np.polyfit(np.arange(6) / 5, value, 1)[0]
        assert (row.rho, row.slope) == pytest.approx(
            (stats.spearmanr(series.radii, value).statistic, slope), abs=1e-9
        )
        assert (row.first, row.last, row.networks, row.n) == (value[0], value[-1], 6, 300)
        assert row.p == pytest.approx(slow_p([(series.radii, value)], "two-sided"))
        assert row.rho_low <= row.rho <= row.rho_high
        assert 0.3 < row.slope_low < row.slope < row.slope_high < 0.9
    [pooled] = found.pooled.itertuples()
    assert (pooled.norm, pooled.series, pooled.networks, pooled.units) == ("l2", 2, 12, 2)
    assert pooled.slope == pytest.approx(found.series["slope"].mean())
    assert pooled.mixed_low <= pooled.slope_low <= pooled.slope <= pooled.slope_high <= pooled.mixed_high
    assert pooled.p < found.series["p"].min()
    by_radius = metrics.trends(outcomes, models, [GAP], scale="radius").series["slope"]
    value = table[list(metrics.find_series(models)[0].models)].to_numpy()
    assert by_radius[0] == pytest.approx(np.polyfit((0, *RADII), value, 1)[0])
    again = metrics.trends(outcomes.sample(frac=1, random_state=1), models.iloc[::-1], {"b": [GAP]})
    pd.testing.assert_frame_equal(found.series, again.series, atol=1e-12)
    pd.testing.assert_frame_equal(found.pooled, again.pooled, atol=1e-12)


def test_networks_without_a_value_are_left_out():
    models = networks()
    rfs = Measure("rfs", "RFS", fg="rand", bg="same")
    found = metrics.trends(
        shown(models, lambda row: (2.0, 2.0) if row.eps == 0.25 else rising(row)), models, [rfs]
    )
    [row] = found.series.itertuples()
    assert (row.networks, row.note) == (5, "undefined for 1 networks, left out")
    assert not len(metrics.trends(shown(models, lambda row: (2.0, 2.0)), models, [rfs]).series)
    flat = metrics.trends(shown(models, lambda row: (2.0, 2.0)), models, [GAP]).series.iloc[0]
    assert (flat["rho"], flat["p"], flat["slope"]) == (0, 1, 0)
    for option in ({"scale": "log"}, {"alternative": "up"}):
        with pytest.raises(AdvSpurError):
            metrics.trends(shown(models, rising), models, [GAP], **option)


def test_slopes_cover_and_chance_is_corrected():
    """Nothing depends on the radius: 5 % of the intervals of the slope leave 0 out, and few corrected p are small."""
    models = networks()
    measures = [GAP, *(Measure("accuracy", f"a {c}", condition=c) for c in ("same", "rand"))]
    inside, small = [], []
    for t in range(60):
        found = metrics.trends(shown(models, lambda row: (0.9, 0.6), t), models, measures, draws=300).series
        inside += list((found["slope_low"] <= 0) & (found["slope_high"] >= 0))
        small.append((found["p_holm"] <= 0.05).any())
    assert np.mean(inside) >= 0.9
    assert np.mean(small) <= 0.1
    assert metrics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    p = np.random.default_rng(0).random(12)
    assert metrics.benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))


def test_seeds_are_told_from_sampling():
    models = networks(seeds=range(6))
    luck = dict(zip(models["model"], np.random.default_rng(7).normal(0, 0.08, len(models))))
    outcomes = shown(models, lambda row: (0.9, 0.6 + luck[row.model]))
    found = metrics.seed_spread(outcomes, models, [GAP])
    assert list(found["radius"]) == [0.0, *RADII]
    assert set(found["seeds"]) == {6}
    table = metrics.summarise(outcomes, [GAP]).set_index("model")
    for row in found.itertuples():
        mine = models[(models["eps"] == row.radius)]["model"]
        assert row.value == pytest.approx(table.loc[mine, "value"].mean())
        width = (table.loc[mine, "high"] - table.loc[mine, "low"]).mean() / 2 / 1.96
        assert row.image_sd == pytest.approx(width, rel=0.2)
        assert row.mixed_low < row.low < row.value < row.high < row.mixed_high
    assert found["seed_sd"].median() == pytest.approx(0.08, abs=0.03)
    equal = metrics.seed_spread(shown(models, lambda row: (0.9, 0.6)), models, [GAP])
    assert equal["seed_sd"].max() < 0.03
    with pytest.raises(AdvSpurError, match="seed"):
        metrics.seed_spread(outcomes, models.drop(columns="seed"), [GAP])


def test_one_draw_of_images_serves_all_models():
    """The difference of two models from joint draws has the paired interval, not that of two separate samples."""
    models = networks()
    outcomes = shown(models, rising)
    held = cells(outcomes)
    names = list(models["model"][:2])
    joint = together([(GAP, held["b", name, "none", 0.0].lines(GAP)) for name in names], "key", 4000)
    table = metrics.summarise(outcomes, [GAP]).set_index("model")
    assert joint.value == pytest.approx(table.loc[names, "value"].to_numpy(), abs=1e-12)
    paired = metrics.compare(outcomes, *names, [GAP]).iloc[0]
    low, high = np.quantile(joint.drawn[:, 0] - joint.drawn[:, 1], [0.025, 0.975])
    assert (low, high) == pytest.approx((paired["low"], paired["high"]), abs=0.012)
    assert np.corrcoef(joint.drawn.T)[0, 1] > 0.5
    short = outcomes[(outcomes["model"] != names[0]) | (outcomes["sample"] >= 20)]
    cut = [(GAP, cells(short)["b", name, "none", 0.0].lines(GAP)) for name in names]
    assert (together(cut, "key").n, together(cut, "key").note) == (
        280,
        "20 images that not all were shown left out",
    )
