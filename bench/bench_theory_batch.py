"""`solve_many` at d = 10: radius-solves a second, 50 radii a problem, random covariances of their own.

Equality first: the batch equals single paths, on any number of threads, bit by bit.
"""

from __future__ import annotations

from functools import partial

import common
import numpy as np
from bench_theory_paths import random_problem

from pyadvspur.theory import solve_many

TARGET = {"l2": 1.2e6, "linf": 5e6, "l1": 4e6}


def main() -> None:
    run = common.start(
        __doc__, "theory_batch", lambda parser: parser.add_argument("--problems", type=int, default=4000)
    )
    many = 400 if run.quick else run.options.problems
    problems = [random_problem(10, seed) for seed in range(many)]
    covs, thetas = np.stack([p.cov for p in problems]), np.stack([p.theta for p in problems])
    for norm in ("l2", "linf", "l1"):
        radii = np.stack([np.geomspace(1e-3, 0.98, 50) * p.path(norm).critical_eps for p in problems])

        def batch(threads: int, with_theta: bool = True, norm=norm, radii=radii):
            return solve_many(
                covs, thetas, 0.5, norm, radii, problems[0].core, threads=threads, with_theta=with_theta
            )

        one, all_ = batch(1), batch(run.options.threads)
        run.check(f"{norm}: thread count", float(not all(map(np.array_equal, one, all_))))
        alone = [p.path(norm).at(r) for p, r in zip(problems[:50], radii)]
        run.check(
            f"{norm}: one by one", max(float(np.abs(a.theta - t).max()) for a, t in zip(alone, one.theta))
        )
        run.check(f"{norm}: certificates", float((one.gap / one.risk).max()), 1e-9)
        times = run.measure(
            {"theta": partial(batch, run.options.threads), "risk": partial(batch, run.options.threads, False)}
        )
        run.row(
            norm=norm,
            problems=many,
            threads=run.options.threads,
            million_solves_a_second=radii.size / times["theta"].median / 1e6,
            without_theta=radii.size / times["risk"].median / 1e6,
            target=TARGET[norm] / 1e6,
            spread=times["theta"].spread,
        )
    run.finish()


if __name__ == "__main__":
    main()
