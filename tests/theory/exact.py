"""Answers to small problems in exact arithmetic: faces in fractions, their scalar equations in 200 decimal digits.

A homotopy in the multiplier, from scratch at every step, for covariances of full rank without exact ties. Before an
answer is given, its optimality conditions are checked in fractions, so a fault of the homotopy cannot pass.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np

DIGITS = 200


class Tied(Exception):
    """Two events at once: not for this solver."""


class Answer(NamedTuple):
    risk: Decimal
    spread2: Decimal  # natural risk
    norm: Decimal
    plateau: Decimal


class _Piece(NamedTuple):
    high: Fraction
    low: Fraction
    members: frozenset[int]  # linf: the support; l1: the free features
    sign: tuple[int, ...]
    error: list[Fraction]  # theta - theta* = error - lambda v
    v: list[Fraction]
    nu: Fraction
    tau: Fraction
    explained: Fraction  # error' cov error


def solve(cov: np.ndarray, theta: np.ndarray, noise_std: float, eps: float, norm: str) -> Answer:
    """The least adversarial risk at eps in (0, critical radius)."""
    with localcontext() as context:
        context.prec = DIGITS
        context.Emin, context.Emax = -(10**8), 10**8
        if norm == "l2":
            return _ridge(cov, theta, noise_std, eps)
        return ExactPath(cov, theta, norm).at(noise_std, eps)


class ExactPath:
    """All pieces of one problem, for "linf" or "l1"."""

    def __init__(self, cov, theta, norm):
        self.cov = [[Fraction(float(x)) for x in row] for row in cov]
        self.theta = [Fraction(float(x)) for x in theta]
        self.spread = norm == "l1"
        self.pieces: list[_Piece] = []
        d = range(len(self.theta))
        b = _times(self.cov, self.theta)
        if self.spread:
            if not all(b):
                raise Tied
            state, self.sign, lam = set(), [1 if x > 0 else -1 for x in b], sum(abs(x) for x in b)
        else:
            lam = max(abs(x) for x in b)
            first = [j for j in d if abs(b[j]) == lam]
            if len(first) > 1:
                raise Tied
            state, self.sign = set(first), [1 if x > 0 else -1 for x in b]
        while lam > 0:
            error, v, nu, tau = self._face(state)
            pull, a = _times(self.cov, error), _times(self.cov, v)
            event, where, sign = Fraction(0), -1, 0
            for j, p, q, s in self._slacks(state, error, v, nu, tau, pull, a):
                if p < 0:  # p + q lambda >= 0 ends before lambda does
                    at = -p / q if q > 0 else lam
                    if at >= lam or at == event:
                        raise Tied
                    if at > event:
                        event, where, sign = at, j, s
            explained = _dot(error, pull)
            self.pieces.append(
                _Piece(lam, event, frozenset(state), tuple(self.sign), error, v, nu, tau, explained)
            )
            if where >= 0:
                state ^= {where}
                if sign:
                    self.sign[where] = sign
            lam = event

    def _face(self, state):
        d = len(self.theta)
        inside, outside = sorted(state), [j for j in range(d) if j not in state]
        error, v = [Fraction(0)] * d, [Fraction(0)] * d
        if not self.spread:
            for j in outside:
                error[j] = -self.theta[j]
            right = [sum(-self.cov[i][j] * error[j] for j in outside) for i in inside]
            block = [[self.cov[i][j] for j in inside] for i in inside]
            for i, x, y in zip(
                inside, _solve(block, right), _solve(block, [Fraction(self.sign[i]) for i in inside])
            ):
                error[i], v[i] = x, y
            nu = sum(self.sign[i] * (self.theta[i] + error[i]) for i in inside)
            return error, v, nu, sum(self.sign[i] * v[i] for i in inside)
        # the weights are M y with y = (N, free weights)
        columns = [[Fraction(self.sign[j] if j in outside else 0) for j in range(d)]]
        columns += [[Fraction(int(j == i)) for j in range(d)] for i in inside]
        images = [_times(self.cov, column) for column in columns]
        block = [[_dot(x, y) for y in images] for x in columns]
        u = _solve(block, [_dot(y, self.theta) for y in images])
        w = _solve(block, [Fraction(int(k == 0)) for k in range(len(columns))])
        for k, column in enumerate(columns):
            for j in range(d):
                error[j] += u[k] * column[j]
                v[j] += w[k] * column[j]
        return [x - t for x, t in zip(error, self.theta)], v, u[0], w[0]

    def _slacks(self, state, error, v, nu, tau, pull, a):
        """(feature, p, q, its sign after the event) of every p + q lambda that must not be negative."""
        for j, s in enumerate(self.sign):
            if self.spread and j not in state:
                yield j, -s * pull[j], s * a[j], 0
            elif self.spread:
                for side in (1, -1):
                    yield j, nu - side * (self.theta[j] + error[j]), side * v[j] - tau, side
            elif j in state:
                yield j, s * (self.theta[j] + error[j]), -s * v[j], 0
            else:
                for side in (1, -1):
                    yield j, side * pull[j], 1 - side * a[j], side

    def at(self, noise_std: float, eps: float) -> Answer:
        noise2 = Fraction(float(noise_std)) ** 2
        last = self.pieces[-1]
        plateau = Decimal(0) if noise2 + last.explained else _c() / _decimal(last.tau).sqrt()
        for piece in self.pieces:
            numbers = [_decimal(x) for x in (noise2 + piece.explained, piece.nu, piece.tau)]
            if piece.low > 0 and _radius(_decimal(piece.low), *numbers) > Decimal(eps):
                continue
            if Decimal(eps) <= plateau:
                self._check(piece, Fraction(0))
                return Answer(Decimal(eps) ** 2 * numbers[1] ** 2, Decimal(0), numbers[1], plateau)
            low, high = _decimal(piece.low), _decimal(piece.high)
            low = low if low > 0 else high * Decimal(10) ** -120
            lam = _root(lambda x, n=numbers: _radius(x, *n), Decimal(eps), low, high)
            self._check(piece, min(max(Fraction(lam), piece.low), piece.high))
            spread2, n = numbers[0] + numbers[2] * lam * lam, numbers[1] - numbers[2] * lam
            return Answer(_risk(eps, spread2.sqrt(), n), spread2, n, plateau)
        raise AssertionError("no piece holds this radius")

    def _check(self, piece: _Piece, lam: Fraction) -> None:
        t = [a + b - lam * c for a, b, c in zip(self.theta, piece.error, piece.v)]
        pull = _times(self.cov, [a - b for a, b in zip(t, self.theta)])
        n = piece.nu - piece.tau * lam
        for j, s in enumerate(piece.sign):
            inside = j in piece.members
            if self.spread:
                assert pull[j] == 0 and abs(t[j]) <= n if inside else s * pull[j] <= 0 and t[j] == s * n
            else:
                assert pull[j] == -lam * s and s * t[j] >= 0 if inside else abs(pull[j]) <= lam and t[j] == 0
        if self.spread:
            assert sum(abs(x) for x in pull) == lam


def _ridge(cov, theta, noise_std, eps) -> Answer:
    matrix = [[Decimal(float(x)) for x in row] for row in cov]
    true, noise2, d = [Decimal(float(x)) for x in theta], Decimal(float(noise_std)) ** 2, len(theta)
    b = _times(matrix, true)

    def at(mu):
        t = _solve([[matrix[i][j] + (mu if i == j else 0) for j in range(d)] for i in range(d)], b)
        error = [x - y for x, y in zip(t, true)]
        return noise2 + _dot(error, _times(matrix, error)), _dot(t, t).sqrt()

    def radius(mu):
        spread2, n = at(mu)
        return _radius_of(mu * n, spread2.sqrt(), n)

    plateau = Decimal(0)
    if not noise2:
        plateau = _c() * (_dot(true, true) / _dot(true, _solve(matrix, true))).sqrt()
        if Decimal(eps) <= plateau:
            n = _dot(true, true).sqrt()
            return Answer(Decimal(eps) ** 2 * n * n, Decimal(0), n, plateau)
    trace = sum(matrix[i][i] for i in range(d))
    mu = _root(
        radius, Decimal(eps), trace * Decimal(10) ** -120, trace * Decimal(10) ** 40, Decimal(10) ** -30
    )
    spread2, n = at(mu)
    return Answer(_risk(eps, spread2.sqrt(), n), spread2, n, plateau)


def _root(function, target, low, high, accuracy=None):
    """Where an increasing function of x > 0 reaches its target: secant steps in log x, kept inside a bracket."""
    accuracy = accuracy or Decimal(10) ** -40
    at_low, at_high = function(low).ln() - target.ln(), function(high).ln() - target.ln()
    low, high, side = low.ln(), high.ln(), 0
    if at_low >= 0:
        return low.exp()
    if at_high <= 0:
        return high.exp()
    for step in range(2000):
        x = (low * at_high - high * at_low) / (at_high - at_low) if step % 4 else (low + high) / 2
        value = function(x.exp()).ln() - target.ln()
        if abs(value) < accuracy or high - low < accuracy:
            break
        if value < 0:
            low, at_low = x, value
            at_high = at_high / 2 if side < 0 else at_high
            side = -1
        else:
            high, at_high = x, value
            at_low = at_low / 2 if side > 0 else at_low
            side = 1
    return x.exp()


@cache
def _c() -> Decimal:
    """sqrt(2 / pi), pi by Machin's formula."""

    def arctan_inverse(n):
        total, term, k = Decimal(0), Decimal(1) / n, 0
        while abs(term) > Decimal(10) ** -90:
            total += term / (2 * k + 1) * (-1) ** k
            term, k = term / (n * n), k + 1
        return total

    return (2 / (16 * arctan_inverse(5) - 4 * arctan_inverse(239))).sqrt()


def _radius_of(lam, s, n):
    """Formula (4) of docs/theory.md."""
    a = _c() * (s * s - lam * n)
    root = (a * a + 4 * s * s * n * lam).sqrt()
    return 2 * lam * s / (a + root) if a >= 0 else (root - a) / (2 * s * n)


def _radius(lam, kappa, nu, tau):
    return _radius_of(lam, (kappa + tau * lam * lam).sqrt(), max(nu - tau * lam, Decimal(0)))


def _risk(eps, s, n):
    return s * s + 2 * _c() * Decimal(eps) * s * n + (Decimal(eps) * n) ** 2


def _decimal(x: Fraction) -> Decimal:
    return Decimal(x.numerator) / Decimal(x.denominator)


def _dot(x, y):
    return sum(a * b for a, b in zip(x, y))


def _times(matrix, x):
    return [_dot(row, x) for row in matrix]


def _solve(matrix, right):
    """Gauss-Jordan with the largest pivot."""
    n = len(right)
    rows = [[*row, y] for row, y in zip(matrix, right)]
    for k in range(n):
        best = max(range(k, n), key=lambda i: abs(rows[i][k]))
        if rows[best][k] == 0:
            raise Tied
        rows[k], rows[best] = rows[best], rows[k]
        pivot = rows[k][k]
        rows[k] = [x / pivot for x in rows[k]]
        for i in range(n):
            if i != k and rows[i][k] != 0:
                factor = rows[i][k]
                rows[i] = [x - factor * y for x, y in zip(rows[i], rows[k])]
    return [row[-1] for row in rows]
