"""Adversarial training of a linear model on samples, as a scikit-learn estimator."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, check_X_y, validate_data

from pyadvspur.errors import AdvSpurError
from pyadvspur.theory.finite import SamplePath, check, solve


class AdversarialLinearRegression(RegressorMixin, BaseEstimator):
    """Linear regression that minimises its squared error under the worst perturbation of every sample.

    Minimises (1/n) sum_i max_{||delta||_p <= eps} (<w, x_i + delta> + b - y_i)^2
    = (1/n) sum_i (|<w, x_i> + b - y_i| + eps ||w||_q)^2 with 1/p + 1/q = 1, exactly: an interior-point method with a
    dual certificate. The intercept is neither penalised nor attacked.

    norm: "linf", "l2" or "l1", the norm p of the attack (weights are measured in l1, l2, linf). eps: radius >= 0
    in the units of X; 0 is least squares of smallest l2 norm. tol: relative duality gap to reach. max_iter:
    interior-point steps per stage.

    Attributes: coef_ (d,), intercept_, objective_ (the minimum), duality_gap_ (relative; objective_ exceeds the true
    minimum by at most this factor), critical_eps_ (smallest eps with coef_ = 0), n_iter_ (interior-point steps in
    all; 0 where the answer is known without), n_features_in_.

    Where columns are dependent and norm is "linf" or "l1", coef_ is one of several optima of the same objective.
    Raises AdvSpurError (a ValueError) for bad arguments. Warns (ConvergenceWarning) if the gap stays above 1e-6.

    Sources: Ribeiro, Zachariah, Bach & Schön, "Regularization properties of adversarially-trained linear regression"
    (NeurIPS 2023); Mehrotra, "On the implementation of a primal-dual interior point method" (1992). docs/estimator.md.
    """

    def __init__(self, norm="linf", eps=0.1, *, fit_intercept=True, tol=1e-9, max_iter=100):
        self.norm = norm
        self.eps = eps
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X, y):
        """X: (n, d), y: (n,), finite numbers. Returns self."""
        where = "AdversarialLinearRegression.fit"
        if np.ndim(self.eps) != 0:
            raise AdvSpurError(f"{where}: eps got {self.eps!r}, takes one number >= 0. `path` takes several.")
        eps = check(where, self.norm, self.eps, self.tol, self.max_iter)
        if _plain(X, y):
            self.n_features_in_ = X.shape[1]
            self.__dict__.pop("feature_names_in_", None)
        else:
            try:
                X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
            except ValueError as error:
                raise AdvSpurError(f"{where}: {error}") from error
        fit = _solve(X, y, self.norm, eps, self.fit_intercept, self.tol, self.max_iter)
        self.coef_ = fit.coef[0]
        self.intercept_ = float(fit.intercept[0])
        self.objective_ = float(fit.objective[0])
        self.duality_gap_ = float(fit.duality_gap[0])
        self.n_iter_ = int(fit.n_iter[0])
        self.critical_eps_ = fit.critical_eps
        return self

    def predict(self, X):
        """<w, x> + b for each row of X (m, d)."""
        check_is_fitted(self)
        try:
            X = validate_data(self, X, dtype=np.float64, reset=False)
        except ValueError as error:
            raise AdvSpurError(f"AdversarialLinearRegression.predict: {error}") from error
        return X @ self.coef_ + self.intercept_

    @staticmethod
    def path(X, y, norm="linf", eps_grid=(0.1,), *, fit_intercept=True, tol=1e-9, max_iter=100) -> SamplePath:
        """Fits for every eps of a grid, in its order, sharing what does not depend on eps. Same results as `fit`."""
        where = "AdversarialLinearRegression.path"
        eps = check(where, norm, eps_grid, tol, max_iter)
        try:
            X, y = check_X_y(X, y, dtype=np.float64, y_numeric=True)
        except ValueError as error:
            raise AdvSpurError(f"{where}: {error}") from error
        return _solve(X, y, norm, eps, fit_intercept, tol, max_iter)


def _plain(X, y) -> bool:
    """Whether the arrays need nothing of validate_data, which takes as long as a small fit."""
    if not (
        type(X) is type(y) is np.ndarray
        and X.dtype == y.dtype == np.float64
        and X.ndim == 2
        and y.shape == (len(X),)
        and X.size > 0
        and X.flags.c_contiguous
    ):
        return False
    with np.errstate(all="ignore"):
        return bool(np.isfinite(X.sum() + y.sum()))


def _solve(X, y, norm, eps, fit_intercept, tol, max_iter) -> SamplePath:
    y = np.asarray(y, dtype=np.float64)
    result = solve(X, y, norm, eps, fit_intercept=bool(fit_intercept), tol=float(tol), max_iter=int(max_iter))
    worst = result.duality_gap.max(initial=0.0)
    if worst > 1e-6:
        warnings.warn(
            f"AdversarialLinearRegression: the relative duality gap is {worst:.1e}, above 1e-6. Raise max_iter, or "
            "rescale columns whose sizes differ by many orders of magnitude.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return result
