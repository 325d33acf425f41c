"""Brute force on the line, apart from the package: its own marginals, schedules, samplers, integrals and distances.

Deterministic samplers: a dense grid of starts x = sinh(v), uniform in v, is sent through the map; the map's
derivative is an eighth-order difference. Stochastic samplers: Chapman-Kolmogorov sums on a dense uniform grid.
Distances: the trapezoid rule, which is spectral for smooth integrands that vanish at the ends, and the total
variation of splines of F_q - F_p for the two distances whose integrand has kinks. Nothing here is adaptive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, special

Array = NDArray[np.float64]
Map = Callable[[Array], Array]

# -- marginals: log p, p'/p, p''/p, p'''/p and both tails of a X0 + s W ---------------------------


def _gauss(z: Array, v: Any) -> Array:
    """log N(z; 0, v)."""
    return -0.5 * z * z / v - 0.5 * np.log(2 * np.pi * v)


class Marginal:
    """The law of a X0 + s W."""

    def ratios(self, x: Array, a: float, s: float) -> list[Array]:
        """log p, p'/p, p''/p, p'''/p."""
        raise NotImplementedError

    def tails(self, x: Array, a: float, s: float) -> tuple[Array, Array]:
        """cdf and survival function."""
        raise NotImplementedError

    def log_p(self, x: Array, a: float, s: float) -> Array:
        return self.ratios(x, a, s)[0]

    def score(self, x: Array, a: float, s: float) -> Array:
        return self.ratios(x, a, s)[1]

    def score_1(self, x: Array, a: float, s: float) -> Array:
        _, r1, r2, _ = self.ratios(x, a, s)
        return r2 - r1**2

    def score_2(self, x: Array, a: float, s: float) -> Array:
        _, r1, r2, r3 = self.ratios(x, a, s)
        return r3 - 3 * r1 * r2 + 2 * r1**3


class Mixture(Marginal):
    def __init__(self, weights: Sequence[float], means: Sequence[float], stds: Sequence[float]) -> None:
        self.w, self.m, self.c = np.array(weights), np.array(means), np.array(stds) ** 2

    def ratios(self, x: Array, a: float, s: float) -> list[Array]:
        v, z = a * a * self.c + s * s, x[..., None] - a * self.m
        logs = np.log(self.w) + _gauss(z, v)
        total = special.logsumexp(logs, axis=-1)
        pi, u = np.exp(logs - total[..., None]), z / np.sqrt(v)
        hermite = (-u, u * u - 1, -(u**3 - 3 * u))
        return [total, *((pi * h / v ** (0.5 * k)).sum(-1) for k, h in enumerate(hermite, 1))]

    def tails(self, x: Array, a: float, s: float) -> tuple[Array, Array]:
        u = (x[..., None] - a * self.m) / np.sqrt(a * a * self.c + s * s)
        return special.ndtr(u) @ self.w, special.ndtr(-u) @ self.w


def cantor(level: int, low: float, high: float) -> Mixture:
    """The midpoints of the intervals that are left after ``level`` removals of the middle third."""
    intervals = [(low, high)]
    for _ in range(level):
        intervals = [
            piece for lo, hi in intervals for piece in ((lo, lo + (hi - lo) / 3), (hi - (hi - lo) / 3, hi))
        ]
    points = [(lo + hi) / 2 for lo, hi in intervals]
    return Mixture([1 / len(points)] * len(points), points, [0.0] * len(points))


class Uniform(Marginal):
    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def ratios(self, x: Array, a: float, s: float) -> list[Array]:
        mid, half = a * (self.low + self.high) / 2, a * (self.high - self.low) / 2
        sign, z = np.where(x < mid, -1.0, 1.0), np.abs(x - mid)
        near, far = (z - half) / s, (z + half) / s  # p = (Phi(far) - Phi(near)) / 2 half
        log_mass = special.log_ndtr(-near) + np.log1p(
            -np.exp(special.log_ndtr(-far) - special.log_ndtr(-near))
        )
        log_p = log_mass - math.log(2 * half)
        g_far, g_near = (np.exp(_gauss(u, 1.0) - log_mass) for u in (far, near))
        first = (g_far - g_near) / s
        second = (-far * g_far + near * g_near) / s**2
        third = ((far**2 - 1) * g_far - (near**2 - 1) * g_near) / s**3
        return [log_p, sign * first, second, sign * third]

    def tails(self, x: Array, a: float, s: float) -> tuple[Array, Array]:
        def integral(u: Array) -> Array:  # of ndtr
            return u * special.ndtr(u) + np.exp(_gauss(u, 1.0))

        low, high = a * self.low, a * self.high
        scale = s / (high - low)
        above = scale * (integral((high - x) / s) - integral((low - x) / s))
        below = scale * (integral((x - low) / s) - integral((x - high) / s))
        return below, above


class Laplace(Marginal):
    def __init__(self, loc: float, scale: float) -> None:
        self.loc, self.scale = loc, scale

    def _sides(self, z: Array, b: float, s: float) -> tuple[Array, Array]:
        """Logs of exp(s^2/2b^2 -+ z/b) Phi(+-z/s - s/b): the two exponentials, smoothed, times 2b."""

        def side(z: Array) -> Array:
            u = s / b - z / s
            inner = -0.5 * (z / s) ** 2 + np.log(special.erfcx(np.maximum(u, 0) / math.sqrt(2)) / 2)
            return np.where(u > 0, inner, 0.5 * (s / b) ** 2 - z / b + special.log_ndtr(-u))

        return side(z), side(-z)

    def ratios(self, x: Array, a: float, s: float) -> list[Array]:
        b, z = a * self.scale, x - a * self.loc
        right, left = self._sides(z, b, s)
        total = np.logaddexp(right, left)
        log_p = total - math.log(2 * b)
        first = (np.exp(left - total) - np.exp(right - total)) / b
        g = np.exp(_gauss(z, s * s) - log_p)
        second = (1 - g) / b**2  # p - b^2 p'' = N(0, s^2)
        third = (first + g * z / s**2) / b**2
        return [log_p, first, second, third]

    def tails(self, x: Array, a: float, s: float) -> tuple[Array, Array]:
        b, z = a * self.scale, x - a * self.loc
        right, left = (np.exp(v) / 2 for v in self._sides(z, b, s))
        return special.ndtr(z / s) - right + left, special.ndtr(-z / s) + right - left


class Student(Mixture):
    """A scale mixture of normals, by the trapezoid rule in the logarithm of the scale: e^-2u ~ Gamma."""

    def __init__(self, nu: float, loc: float, scale: float) -> None:
        u = np.arange(-3.0, min(120.0 / nu, 30.0), 0.1)
        log_w = -nu * u - 0.5 * nu * np.exp(-2 * u)
        super().__init__(special.softmax(log_w), np.full_like(u, loc), scale * np.exp(u))


# -- schedules -------------------------------------------------------------------------------------


def levels(schedule: str, T: int, **k: float) -> tuple[Array, Array, int]:
    """(a_t, sigma_t) for t = 0..T, and the level where the sampler stops."""
    u = np.arange(T + 1) / T
    if schedule == "li2024":
        c0, c1 = k.get("c0", 2.0), k.get("c1", 5.0)
        step, beta = c1 * math.log(T) / T, [T**-c0]
        beta += [step * min(beta[0] * (1 + step) ** t, 1.0) for t in range(1, T)]
        alpha_bar = np.cumprod([1.0, *(1 - b for b in beta)])
        # 1 - prod(1 - beta), without cancellation
        return np.sqrt(alpha_bar), np.sqrt(-np.expm1(np.cumsum(np.log1p([0.0, *(-b for b in beta)])))), 1
    if schedule == "cosine":
        f = np.cos((u + 0.008) / 1.008 * np.pi / 2) ** 2
        alpha_bar = np.cumprod(np.concatenate([[1.0], np.maximum(f[1:] / f[:-1], 1 - 0.999)]))
        return np.sqrt(alpha_bar), np.sqrt(1 - alpha_bar), 1
    if schedule in ("ou-uniform", "benton"):
        ou = schedule == "ou-uniform"
        horizon, delta = k.get("horizon", 1.0 if ou else 5.0), k.get("delta", 0.01 if ou else 0.001)
        if ou:
            time = delta + (horizon - delta) * u
        else:
            clock = [math.log(t) if t < 1 else t - 1 for t in (delta, horizon)]
            c = clock[0] + (clock[1] - clock[0]) * u
            time = np.where(c < 0, np.exp(c), 1 + c)
        return np.exp(-time), np.sqrt(1 - np.exp(-2 * time)), 0
    if schedule in ("vp-linear", "sub-vp"):
        delta = k.get("delta", 1e-3)
        time = delta + (1 - delta) * u
        B = 0.1 * time + 9.95 * time**2
        return np.exp(-B / 2), (np.sqrt(1 - np.exp(-B)) if schedule == "vp-linear" else 1 - np.exp(-B)), 0
    if schedule == "log-snr-uniform":
        lam = k.get("lambda_max", 3.0) + (k.get("lambda_min", -5.0) - k.get("lambda_max", 3.0)) * u
        return 1 / np.sqrt(1 + np.exp(-2 * lam)), 1 / np.sqrt(1 + np.exp(2 * lam)), 0
    if schedule == "ve-exponential":
        lo, hi = k.get("sigma_min", 0.01), k.get("sigma_max", 50.0)
        return np.ones(T + 1), lo * (hi / lo) ** u, 0
    lo, hi = k.get("sigma_min", 0.002), k.get("sigma_max", 80.0)
    if schedule == "edm":
        return np.ones(T + 1), (lo ** (1 / 7) + u * (hi ** (1 / 7) - lo ** (1 / 7))) ** 7, 0
    if schedule == "tangent":
        c = k.get("c", 0.5)
        return np.ones(T + 1), c * np.tan(math.atan(lo / c) + u * (math.atan(hi / c) - math.atan(lo / c))), 0
    raise KeyError(schedule)


def drift_and_diffusion(kind: str, a: float, s: float, a_next: float, s_next: float) -> tuple[float, float]:
    """-int f and int g^2 over a step of the SDE whose marginals are (a, s): g^2 = d(s^2) - 2 s^2 d(log a)."""
    F = math.log(a_next / a)
    if kind == "ve":
        return 0.0, s * s - s_next * s_next
    if kind == "sub-vp":  # s = 1 - a^2 and g^2 = (1 - a^4) d(-2 log a)
        return F, 2 * F - (a_next**4 - a**4) / 2
    return F, 2 * F


# -- samplers --------------------------------------------------------------------------------------


def steps(
    name: str, p: Marginal, a: Array, s: Array, stop: int, kind: str
) -> list[list[tuple[Map, Map | None]]]:
    """For each step, the stages y -> mean(y) + std(y) Z, in order."""
    T, out = len(a) - 1, []
    for t in range(T, stop, -1):
        out.append(_step(name, p, a, s, t, T, kind))
    return out


def _step(
    name: str, p: Marginal, a: Array, s: Array, t: int, T: int, kind: str
) -> list[tuple[Map, Map | None]]:
    A, S, An, Sn = a[t], s[t], a[t - 1], s[t - 1]
    alpha = (A / An) ** 2
    beta, root = 1 - alpha, math.sqrt(alpha)
    if kind == "vp":  # 1 - alpha = (s_t^2 - s_{t-1}^2)/a_{t-1}^2
        beta = (S * S - Sn * Sn) / An**2

    def sc(y: Array) -> Array:
        return p.score(y, A, S)

    def const(v: float) -> Map:
        return lambda y: np.full_like(y, math.sqrt(v))

    ratio = An / A
    if name == "ddpm":
        return [(lambda y: (y + beta * sc(y)) / root, const(beta / alpha))]
    if name == "ddpm-posterior":
        return [(lambda y: (y + beta * sc(y)) / root, const(beta * Sn**2 / S**2))]
    if name == "ddpm-covariance":
        return [
            (
                lambda y: (y + beta * sc(y)) / root,
                lambda y: np.sqrt(beta / alpha * (1 + beta * p.score_1(y, A, S))),
            )
        ]
    if name == "accelerated-ddpm":
        return [
            (lambda y: y, const(beta / 2)),
            (lambda y: (y + beta * sc(y)) / root, const(beta / 2 / alpha)),
        ]
    F, G = drift_and_diffusion(kind, A, S, An, Sn)
    if name == "euler-maruyama":
        return [(lambda y: (1 + F) * y + G * sc(y), const(G))]
    if name == "exponential-integrator":
        if kind == "ve":
            return [(lambda y: y + G * sc(y), const(G))]
        return [(lambda y: ratio * y + 2 * (ratio - 1) * sc(y), const(ratio**2 - 1))]
    if name == "ancestral-euler":
        up = math.sqrt(Sn**2 * (1 - (Sn / An) ** 2 / (S / A) ** 2))
        down = math.sqrt(Sn**2 - up**2)
        return [(lambda y: An * (y / A + S**2 / A * sc(y)) - S * down * sc(y), const(up**2))]
    if name == "pf-ode":
        return [(lambda y: (y + beta / 2 * sc(y)) / root, None)]
    if name == "ddim":
        return [(lambda y: An * (y + S * S * sc(y)) / A - Sn * S * sc(y), None)]
    if name == "taylor-ode":
        h = 2 * F

        def taylor(y: Array) -> Array:
            v = sc(y)
            return y + h / 2 * (y + v) + h * h / 8 * (y - p.score_1(y, A, S) * v - p.score_2(y, A, S))

        return [(taylor, None)]
    if name == "heun":
        n, n_next = S / A, Sn / An

        def heun(y: Array) -> Array:
            k1 = -S * sc(y)
            x = y / A + (n_next - n) * k1
            k2 = -Sn * p.score(An * x, An, Sn)
            return An * (y / A + (n_next - n) * (k1 + k2) / 2)

        return [(heun, None)]
    if name == "accelerated-ode":

        def accelerated(y: Array) -> Array:
            v = sc(y)
            moved = y + beta / 2 * v
            if t < T:
                up = (a[t + 1] / A) ** 2
                beta_up = (s[t + 1] ** 2 - S * S) / A**2
                back = math.sqrt(up) * (y - beta_up / 2 * v)
                look = v - math.sqrt(up) * p.score(back, a[t + 1], s[t + 1])
                moved = moved + beta**2 / (4 * beta_up) * look
            return moved / root

        return [(accelerated, None)]
    raise KeyError(name)


# -- distances -------------------------------------------------------------------------------------


def _variation(x: Array, f: Array) -> float:
    """int |f| of a function given on a grid, sign changes included: a quintic spline between its roots."""
    spline = interpolate.make_interp_spline(x, f, k=5)
    level, positive = 1e-13 * np.abs(f).max(), f > 0  # below the level signs are rounding
    change = np.flatnonzero((positive[:-1] != positive[1:]) & (np.abs(f[:-1]) + np.abs(f[1:]) > level))
    lo, hi = x[change], x[change + 1]
    for _ in range(60):
        mid = 0.5 * (lo + hi)
        same = (spline(mid) > 0) == positive[change]
        lo, hi = np.where(same, mid, lo), np.where(same, hi, mid)
    roots = 0.5 * (lo + hi)
    primitive = spline.antiderivative()
    values = primitive(np.array([x[0], *roots, x[-1]]))
    return float(np.abs(np.diff(values)).sum())


def distances(
    u: Array, y: Array, slope: Any, log_p: Array, log_q: Array, q_cdf: tuple[Array, Array] | None, law: Any
) -> dict[str, float]:
    """All distances from densities with respect to a uniform coordinate u; ``law`` = (marginal, a, s)."""
    h = u[1] - u[0]
    p, q, r = np.exp(log_p), np.exp(log_q), log_q - log_p
    small = np.abs(r) < 1e-2
    with np.errstate(over="ignore", invalid="ignore"):
        remainder = np.where(
            small, r**2 * (0.5 + r / 6 + r**2 / 24 + r**3 / 120 + r**4 / 720), np.expm1(r) - r
        )
        back = np.where(small, r**2 * (0.5 - r / 6 + r**2 / 24 - r**3 / 120 + r**4 / 720), np.expm1(-r) + r)
        difference = np.where(np.abs(r) < 1, p * np.expm1(np.clip(r, -1, 1)), q - p)
        found = {
            "tv": 0.5 * _variation(u, difference),
            "kl": h * np.where(r < 600, p * remainder, q).sum(),
            "kl-reverse": h * np.where(r > -600, q * back, p).sum(),
            "chi2": h * np.where(r < 300, p * np.expm1(r) ** 2, np.exp(2 * log_q - log_p)).sum(),
            "hellinger": math.sqrt(0.5 * h * ((np.exp(0.5 * log_q) - np.exp(0.5 * log_p)) ** 2).sum()),
        }
    left, right = _running(u, difference)
    D = np.where(_running(u, q)[0] < 0.5, left, -right)
    found["w1"] = _variation(u, D * slope)
    q_tails, p_tails = q_cdf or _running(u, q), _running(u, p)
    if isinstance(law[0], Student):  # no gaps in its quantiles: inverted on the grid itself
        with np.errstate(divide="ignore"):
            goal, given = (np.log(t[0]) - np.log(t[1]) for t in (q_tails, p_tails))
        good = np.isfinite(given) & (np.diff(given, prepend=-np.inf) > 0)
        where = interpolate.make_interp_spline(given[good], u[good], k=5)
        partner = interpolate.make_interp_spline(u, y, k=5)(where(goal.clip(given[good][0], given[good][-1])))
    else:
        partner = _partner(y, q_tails, law)
    found["w2"] = math.sqrt(h * (q * (y - partner) ** 2).sum())
    return found


def _running(u: Array, f: Array) -> tuple[Array, Array]:
    """The integrals of f up to and from each point."""
    one, other = (interpolate.make_interp_spline(u, g, k=5).antiderivative()(u) for g in (f, f[::-1]))
    return one - one[0], (other - other[0])[::-1]


def _partner(y: Array, q_tails: tuple[Array, Array], law: Any) -> Array:
    """F_p^{-1}(F_q(y)) by bisection in the smaller tail, starting at y."""
    marginal, a, s = law
    lower = q_tails[0] < q_tails[1]
    goal = np.log(np.maximum(np.where(lower, *q_tails), 1e-300))

    def short(x: Array) -> Array:
        """Whether x lies to the left of the quantile."""
        tail = np.log(np.maximum(np.where(lower, *marginal.tails(x, a, s)), 1e-300))
        return np.where(lower, tail < goal, tail > goal)

    lo, hi, span = y.copy(), y.copy(), 1e-6 + 0.1 * np.abs(y)
    for _ in range(60):
        below, above = short(lo), short(hi)
        if below.all() and not above.any():
            break
        lo, hi, span = np.where(below, lo, lo - span), np.where(above, hi + span, hi), 2 * span
    for _ in range(70):
        mid = 0.5 * (lo + hi)
        left = short(mid)
        lo, hi = np.where(left, mid, lo), np.where(left, hi, mid)
    return np.where(np.minimum(*q_tails) > 1e-30, 0.5 * (lo + hi), y)


# -- the two kinds of law --------------------------------------------------------------------------


def _derivative(f: Array, h: float) -> Array:
    """Eighth-order central difference of a function on a uniform grid; shorter by four points at each end."""
    c = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
    n = len(f)
    return sum(w * (f[4 + k : n - 4 + k] - f[4 - k : n - 4 - k]) for k, w in enumerate(c, 1)) / h


def transported(
    p: Marginal, grid: tuple[Array, Array, int], kind: str, name: str, init: str = "normal",
    reach: float = 4.3, points: int = 40001,
) -> dict[str, float]:  # fmt: skip
    """Distances of a deterministic sampler's output; starts x = sinh(v), |v| <= ``reach``."""
    a, s, stop = grid
    v = np.linspace(-reach, reach, points)
    x = np.sinh(v)
    y = x.copy()
    for stages in steps(name, p, a, s, stop, kind):
        for mean, _ in stages:
            y = mean(y)
    h = v[1] - v[0]
    slope, y, x, v = _derivative(y, h), y[4:-4], x[4:-4], v[4:-4]
    assert (slope > 0).all()
    std = s[-1] if kind == "ve" else 1.0
    log_r = p.log_p(x, a[-1], s[-1]) if init == "exact" else _gauss(x, std * std)
    normal = (special.ndtr(x / std), special.ndtr(-x / std))
    log_q = log_r + np.log(np.cosh(v))
    log_p = p.log_p(y, a[stop], s[stop]) + np.log(slope)
    return distances(v, y, slope, log_p, log_q, normal if init == "normal" else None, (p, a[stop], s[stop]))


def diffused(
    p: Marginal, grid: tuple[Array, Array, int], kind: str, name: Any, init: str = "normal",
    reach: float = 12.0, spacing: float = 0.01,
) -> dict[str, float]:  # fmt: skip
    """Distances of a stochastic sampler's output (by name, or the list of its steps), on one uniform grid."""
    a, s, stop = grid
    y = np.linspace(-reach, reach, int(2 * reach / spacing) + 1)
    h = y[1] - y[0]
    std = s[-1] if kind == "ve" else 1.0
    q = np.exp(p.log_p(y, a[-1], s[-1]) if init == "exact" else _gauss(y, std * std))
    for stages in steps(name, p, a, s, stop, kind) if isinstance(name, str) else name:
        for mean, noise in stages:
            assert noise is not None
            m, n = mean(y), noise(y)
            # the trapezoid rule sees the kernel: two and a half nodes per standard deviation give e^-120
            assert (np.gradient(m, y) * h < 0.8 * n)[q > 1e-30 * q.max()].all(), (
                np.gradient(m, y) * h / n
            ).max()
            mass, out, span = q * h / (n * math.sqrt(2 * math.pi)), np.empty_like(q), 38 * n.max()
            for i in range(0, len(y), 128):
                part = y[i : i + 128]
                near = (m > part[0] - span) & (m < part[-1] + span)
                near = (
                    slice(int(near.argmax()), len(near) - int(near[::-1].argmax()))
                    if near.any()
                    else slice(0)
                )
                out[i : i + 128] = np.exp(-0.5 * ((part[:, None] - m[near]) / n[near]) ** 2) @ mass[near]
            q = out
    with np.errstate(divide="ignore"):
        log_q = np.log(np.maximum(q, 1e-300))
    return distances(y, y, 1.0, p.log_p(y, a[stop], s[stop]), log_q, None, (p, a[stop], s[stop]))
