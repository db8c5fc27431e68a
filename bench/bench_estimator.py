"""AdversarialLinearRegression against CVXPY with Clarabel: one fit of one radius, one thread.

    python bench/bench_estimator.py                    # small sizes side by side, the large against a saved time
    python bench/bench_estimator.py --full             # the peer's (5000, 1000) live: many minutes
    python bench/bench_estimator.py --peer-reference   # measure and save the peer's (5000, 1000), one --norm at a time

The peer's time is `problem.solve()` on a newly built problem: new data must be compiled anew. The column `solver` is
the ratio for the time inside Clarabel alone. Ours is `fit`, checks included.
"""

from __future__ import annotations

import json
import time

import common
import numpy as np
import scipy.linalg  # noqa: F401  (its BLAS must be loaded before the thread limit is set)
from threadpoolctl import threadpool_limits

from pyadvspur.theory import AdversarialLinearRegression

NORMS = {"l2": 2, "linf": 1, "l1": "inf"}  # attack: the norm of the weights
PEER = common.RESULTS / "estimator_peer.json"
LARGE = (5000, 1000)
FRACTION = 0.1  # of the critical radius


def sample(n: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Correlated Gaussian features, a third of the weights non-zero, noise half the size of the weights."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) @ (np.eye(d) + 0.5 * rng.normal(size=(d, d)) / np.sqrt(d))
    weights = rng.normal(size=d) * (rng.random(d) < 0.3)
    return x, x @ weights + 0.5 * np.linalg.norm(weights) * rng.normal(size=n)


def radius(x: np.ndarray, y: np.ndarray, norm: str) -> float:
    huge = AdversarialLinearRegression(norm, 1e6).fit(x, y)
    return FRACTION * huge.critical_eps_


def peer(x: np.ndarray, y: np.ndarray, norm: str, eps: float) -> tuple[float, float]:
    """Build and solve with CVXPY; the optimal value and the seconds inside the solver."""
    import cvxpy

    w, b = cvxpy.Variable(x.shape[1]), cvxpy.Variable()
    worst = cvxpy.abs(x @ w + b - y) + eps * cvxpy.norm(w, NORMS[norm])
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(worst) / len(x)))
    value = problem.solve(solver="CLARABEL")
    return value, problem.solver_stats.solve_time


def peer_reference(norm: str, machine: dict[str, object]) -> dict[str, object]:
    """The peer's large problem, run now."""
    import cvxpy

    x, y = sample(*LARGE)
    eps = radius(x, y, norm)
    start, cpu = time.perf_counter(), time.process_time()
    value, solver = peer(x, y, norm, eps)
    return {
        "n": LARGE[0], "d": LARGE[1], "eps": eps, "value": value, "solver_s": solver,
        "seconds": time.perf_counter() - start, "cpu_s": time.process_time() - cpu, "cvxpy": cvxpy.__version__,
        "command": f"python bench/bench_estimator.py --peer-reference --norm {norm}", "machine": machine,
    }  # fmt: skip


def add_options(parser) -> None:
    parser.add_argument("--full", action="store_true", help="run the peer on (5000, 1000) too")
    parser.add_argument(
        "--peer-reference", action="store_true", help="measure and save the peer's (5000, 1000)"
    )
    parser.add_argument("--norm", choices=list(NORMS), help="only this attack")


def main() -> None:
    run = common.start(__doc__, "estimator", add_options)
    norms = [run.options.norm] if run.options.norm else list(NORMS)
    saved = json.loads(PEER.read_text()) if PEER.exists() else {}
    with threadpool_limits(1):
        if run.options.peer_reference:
            for norm in norms:
                saved[norm] = peer_reference(norm, run.machine)
                common.RESULTS.mkdir(exist_ok=True)
                PEER.write_text(json.dumps(saved, indent=1) + "\n")
                print(norm, saved[norm])
            return
        for n, d in [(200, 20), (2000, 200)]:
            x, y = sample(n, d)
            for norm in norms:
                small(run, x, y, norm)
        if not run.quick:
            x, y = sample(*LARGE)
            for norm in norms:
                large(
                    run,
                    x,
                    y,
                    norm,
                    peer_reference(norm, run.machine) if run.options.full else saved.get(norm),
                )
    run.finish()


def small(run: common.Run, x: np.ndarray, y: np.ndarray, norm: str) -> None:
    model = AdversarialLinearRegression(norm, radius(x, y, norm))
    model.fit(x, y)
    value, solver = peer(x, y, norm, model.eps)
    name = f"{x.shape} {norm}"
    run.check(f"{name}: duality gap", model.duality_gap_, 1e-8)
    run.check(f"{name}: objective equals the peer's", abs(model.objective_ / value - 1), 1e-6)
    heavy = x.size > 10_000
    cases = {"ours": lambda: model.fit(x, y), "peer": lambda: peer(x, y, norm, model.eps)}
    times = run.measure(cases, 3 if heavy else None, warmup=0 if heavy else 2)
    run.row(case=name, gap=model.duality_gap_, steps=model.n_iter_, **common.against(times, "ours", "peer"),
            solver=solver / times["ours"].median)  # fmt: skip


def large(run: common.Run, x: np.ndarray, y: np.ndarray, norm: str, reference: dict | None) -> None:
    model = AdversarialLinearRegression(norm, radius(x, y, norm))
    times = run.measure({"ours": lambda: model.fit(x, y)}, 3, warmup=1)
    name = f"{x.shape} {norm}"
    run.check(f"{name}: duality gap", model.duality_gap_, 1e-8)
    columns = {
        "case": name,
        "gap": model.duality_gap_,
        "steps": model.n_iter_,
        "ours_ms": times["ours"].median * 1e3,
    }
    if reference is not None:
        run.check(
            f"{name}: objective equals the peer's", abs(model.objective_ / reference["value"] - 1), 1e-6
        )
        columns |= {
            "peer_ms": reference["seconds"] * 1e3,
            "ratio": reference["seconds"] / times["ours"].median,
            "spread": times["ours"].spread,
            "solver": reference["solver_s"] / times["ours"].median,
        }
    run.row(**columns)


if __name__ == "__main__":
    main()
