"""A Gaussian linear problem: x ~ N(0, cov), y = <x, theta> + noise, with core and spurious features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pyadvspur.errors import AdvSpurError, bad
from pyadvspur.theory.checks import check_array, check_core, check_eps, check_nonnegative, check_real
from pyadvspur.theory.covariance import check_covariance
from pyadvspur.theory.norms import ONE_MINUS_C2, C, check_norm, dual_norm

if TYPE_CHECKING:
    from pyadvspur.theory.conditions import Condition
    from pyadvspur.theory.path import Path


@dataclass(frozen=True, eq=False, repr=False)
class LinearProblem:
    """x ~ N(0, cov), y = <x, theta> + N(0, noise_std^2); the label depends on the core features alone.

    cov: (d, d), symmetric and positive semidefinite (singular is fine; tolerances in `theory.covariance`).
    theta: (d,), the true weights, 0 off the core. noise_std: >= 0. core: bool (d,), or the indices of the core
    features; the others are spurious, and there may be none. Arrays are kept as read-only float64 / bool copies.
    Raises AdvSpurError naming the argument.

    Setting: Moayeri, Banihashem & Feizi, arXiv 2209.07592. Formulas: docs/theory.md.
    """

    cov: np.ndarray
    theta: np.ndarray
    noise_std: float
    core: np.ndarray

    def __post_init__(self) -> None:
        where = "theory.LinearProblem"
        cov = check_covariance(where, "cov", self.cov)
        theta = check_array(where, "theta", self.theta, (len(cov),))
        core = check_core(where, self.core, len(cov))
        if theta[~core].any():
            wrong = np.flatnonzero(~core & (theta != 0))
            raise bad(
                where, "theta", f"non-zero weights on the spurious features {wrong[:8].tolist()}",
                "zeros off the core", "Add these features to `core`, or set their weights to 0.",
            )  # fmt: skip
        for array in (cov, theta, core):
            array.setflags(write=False)
        set_field = object.__setattr__
        set_field(self, "cov", cov)
        set_field(self, "theta", theta)
        set_field(self, "noise_std", check_nonnegative(where, "noise_std", self.noise_std))
        set_field(self, "core", core)

    @classmethod
    def two_feature(
        cls,
        rho: float,
        scale_core: float,
        scale_spurious: float,
        theta_core: float = 1.0,
        noise_std: float = 0.0,
    ) -> LinearProblem:
        """One core and one spurious feature with standard deviations `scale_core`, `scale_spurious` (>= 0).

        rho in [-1, 1] is their correlation, `theta_core` the weight of the core feature in the label.
        """
        where = "theory.LinearProblem.two_feature"
        rho = check_real(where, "rho", rho)
        if abs(rho) > 1:
            raise bad(where, "rho", rho, "a correlation in [-1, 1]")
        a = check_nonnegative(where, "scale_core", scale_core)
        e = check_nonnegative(where, "scale_spurious", scale_spurious)
        cov = [[a * a, rho * a * e], [rho * a * e, e * e]]
        return cls(cov, [check_real(where, "theta_core", theta_core), 0.0], noise_std, [0])

    def __repr__(self) -> str:
        return f"LinearProblem({self.dim} features, {int(self.core.sum())} of them core, noise_std={self.noise_std:g})"

    @property
    def dim(self) -> int:
        """Number of features d."""
        return len(self.theta)

    @property
    def spurious(self) -> np.ndarray:
        """bool (d,): the features that the label does not depend on."""
        return ~self.core

    @cached_property
    def correlation_with_label(self) -> np.ndarray:
        """b = Cov(x, y) = cov @ theta, (d,)."""
        b = self.cov[:, self.core] @ self.theta[self.core]
        b.setflags(write=False)
        return b

    @cached_property
    def label_variance(self) -> float:
        """Var(y) = theta' cov theta + noise_std^2: the risk of predicting 0."""
        return max(float(self.theta @ self.correlation_with_label), 0.0) + self.noise_std**2

    def standard_risk(self, theta) -> float | np.ndarray:
        """Natural risk E(<theta, x> - y)^2 = (theta - theta*)' cov (theta - theta*) + noise_std^2.

        theta: (..., d). Returns a float for one vector, (...) otherwise.
        """
        risk = np.square(self._residual_std(self._weights("standard_risk", theta)))
        return risk if risk.ndim else float(risk)

    def adversarial_risk(self, theta, eps, norm: str) -> float | np.ndarray:
        """E max_{||delta|| <= eps} (<theta, x + delta> - y)^2 in closed form, for any weights.

        theta: (..., d). eps: >= 0, a number or an array that broadcasts with (...), in units of x.
        norm: the attack's, "l1", "l2" or "linf". Returns a float, or an array of the broadcast shape.

        The residual r = <theta, x> - y is N(0, s^2), the attack adds eps N with N the dual norm of theta, and
        E(|r| + eps N)^2 = s^2 + 2 c eps s N + eps^2 N^2, c = sqrt(2 / pi). Source: docs/theory.md, formula 1;
        Javanmard, Soltanolkotabi & Hassani 2020 (arXiv 2002.10477).
        """
        check_norm("theory.adversarial_risk", norm)
        theta = self._weights("adversarial_risk", theta)
        eps = check_eps("theory.adversarial_risk", eps)
        pull = eps * dual_norm(theta, norm)
        risk = np.square(self._residual_std(theta) + C * pull) + ONE_MINUS_C2 * np.square(pull)
        return risk if risk.ndim else float(risk)

    def with_covariance(self, cov) -> LinearProblem:
        """The same label rule on another domain: x ~ N(0, cov), cov (d, d)."""
        return LinearProblem(check_array("theory.with_covariance", "cov", cov, self.cov.shape), self.theta,
                             self.noise_std, self.core)  # fmt: skip

    def with_spurious_correlation(self, factor: float) -> LinearProblem:
        """The domain whose core-spurious covariance block is `factor` times this one's; diagonal blocks stay.

        Any |factor| <= 1 is valid (a mixture of cov and its mirror image). 0 decorrelates, -1 flips.
        Raises AdvSpurError if the scaled matrix is not positive semidefinite.
        """
        factor = check_real("theory.with_spurious_correlation", "factor", factor)
        cov = self.cov.copy()
        cov[np.ix_(self.core, self.spurious)] *= factor
        cov[np.ix_(self.spurious, self.core)] *= factor
        try:
            return self.with_covariance(cov)
        except AdvSpurError as error:
            raise bad(
                "theory.with_spurious_correlation", "factor", factor,
                "a factor whose covariance is positive semidefinite, such as any in [-1, 1]", str(error),
            ) from None  # fmt: skip

    def core_only(self) -> LinearProblem:
        """The same problem seen through the core features alone (d = number of core features)."""
        if not self.core.any():
            raise bad("theory.core_only", "core", "no core feature", "a problem with at least one")
        block = np.ix_(self.core, self.core)
        return LinearProblem(
            self.cov[block], self.theta[self.core], self.noise_std, np.ones(self.core.sum(), bool)
        )

    def path(self, norm: str) -> Path:
        """Every adversarially trained solution for one attack norm ("l1", "l2", "linf"), all radii at once."""
        from pyadvspur.theory.path import Path

        return Path(self, norm)

    def uses_spurious(self, norm: str, eps) -> bool | np.ndarray:
        """Whether adversarial training puts weight on spurious features; see `theory.conditions.uses_spurious`."""
        from pyadvspur.theory.conditions import uses_spurious

        return uses_spurious(self, norm, eps)

    def condition(self, norm: str, eps: float) -> Condition:
        """Both sides of the necessary and sufficient condition; see `theory.conditions.condition`."""
        from pyadvspur.theory.conditions import condition

        return condition(self, norm, eps)

    def _weights(self, where: str, theta) -> np.ndarray:
        array = np.asarray(theta)
        if array.ndim < 1 or array.shape[-1] != self.dim:
            raise bad(
                f"theory.{where}", "theta", f"shape {array.shape}", f"weights of shape (..., {self.dim})"
            )
        if not array.size:
            return array.astype(float)
        return check_array(f"theory.{where}", "theta", array, array.shape)

    def _residual_std(self, theta: np.ndarray) -> np.ndarray:
        error = theta - self.theta
        unit = np.abs(error).max(initial=0.0) or 1.0
        error = error / unit
        explained = np.einsum("...i,...i->...", error @ self.cov, error)
        return np.hypot(unit * np.sqrt(np.maximum(explained, 0.0)), self.noise_std)
