"""d = 5000, one radius, l2 attack: seconds, and the most memory beyond what was resident before the call.

The problem: a Wishart covariance of d / 2 draws plus 0.1 I; the first quarter of the features are core.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path

import common
import numpy as np

from pyadvspur.theory import LinearProblem


def peak(restart: bool = False) -> float:
    """Peak resident set, MB; where Linux allows it, since the last restart."""
    try:
        if restart:
            Path("/proc/self/clear_refs").write_text("5")
        fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) / 1024
    except (OSError, KeyError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    run = common.start(__doc__, "theory_large")
    d = 1500 if run.quick else 5000
    rng = np.random.default_rng(0)
    factor = rng.standard_normal((d // 2, d))
    cov = factor.T @ factor
    del factor
    cov /= d // 2
    cov[np.diag_indices(d)] += 0.1
    cov = np.tril(cov)
    cov += np.tril(cov, -1).T
    core = np.arange(d) < d // 4
    problem = LinearProblem(cov, np.where(core, rng.standard_normal(d), 0), 0.5, core)
    del cov
    small = LinearProblem(np.eye(80) + 0.1, np.eye(80)[0], 0.5, [0])
    small.path("l2").at(0.1)  # libraries load outside the timing
    for fraction in (0.3, 0.02):
        path = problem.path("l2")
        eps = fraction * path.critical_eps
        before, start = peak(restart=True), time.perf_counter()
        answer = path.at(eps)
        seconds = time.perf_counter() - start
        run.check(f"certificate at {fraction}", answer.gap / answer.risk, 1e-9)
        plain = problem.adversarial_risk(answer.theta, eps, "l2")
        run.check(f"closed form at {fraction}", abs(plain / answer.risk - 1), 1e-11)
        run.row(
            d=d, fraction=fraction, seconds=seconds, extra_mb=peak() - before, covariance_mb=d * d * 8 / 2**20
        )
    run.finish()


if __name__ == "__main__":
    main()
