"""Perturbed samplers on the line written out once more, in plain numpy: formulas and dense uniform grids.

Nothing here is imported from the package. Smooth integrands that decay make the trapezoidal rule exact to
rounding; kinks of |f| cost the square of the spacing.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import erfc, erfcx, ndtr, ndtri


@dataclass(frozen=True)
class Mixture:
    """sum_i w_i N(m_i, s_i^2)."""

    weights: tuple
    means: tuple
    stds: tuple

    def moments(self):
        w, m, s = map(np.array, (self.weights, self.means, self.stds))
        mean = w @ m
        return mean, w @ (s**2 + m**2) - mean**2

    def _parts(self, x, a, sigma):
        out = []
        for w, m, s in zip(self.weights, self.means, self.stds, strict=True):
            v = (a * s) ** 2 + sigma**2
            out.append((w, (x - a * m) / math.sqrt(v), math.sqrt(v)))
        return out

    def log_density(self, x, a, sigma):
        logs = [
            math.log(w / (s * math.sqrt(2 * math.pi))) - 0.5 * z**2 for w, z, s in self._parts(x, a, sigma)
        ]
        return np.logaddexp.reduce(logs)

    def score(self, x, a, sigma):
        """s and s'."""
        parts = self._parts(x, a, sigma)
        logs = np.array([math.log(w / s) - 0.5 * z**2 for w, z, s in parts])
        share = np.exp(logs - np.logaddexp.reduce(logs))
        first = sum(r * (-z / s) for r, (_, z, s) in zip(share, parts, strict=True))
        second = sum(r * ((z / s) ** 2 - 1 / s**2) for r, (_, z, s) in zip(share, parts, strict=True))
        return first, second - first**2

    def cdf(self, x, a, sigma):
        return sum(w * ndtr(z) for w, z, _ in self._parts(x, a, sigma))

    def sf(self, x, a, sigma):
        return sum(w * ndtr(-z) for w, z, _ in self._parts(x, a, sigma))


@dataclass(frozen=True)
class Laplace:
    """exp(-|x - loc|/b)/(2 b), convolved with N(0, sigma^2): (1/4b) exp(-y^2/2 sigma^2) [erfcx + erfcx]."""

    loc: float
    b: float

    def moments(self):
        return self.loc, 2 * self.b**2

    def _halves(self, x, a, sigma):
        """p = A + B, A' = -A/b + phi/2b, B' = B/b - phi/2b (all with b scaled by a)."""
        b, y = a * self.b, x - a * self.loc
        low, high = (sigma / b - y / sigma) / math.sqrt(2), (sigma / b + y / sigma) / math.sqrt(2)
        phi = np.exp(-0.5 * (y / sigma) ** 2)

        def half(u, sign):
            plain = np.exp(np.minimum(sigma**2 / (2 * b**2) - sign * y / b, 700)) * erfc(np.minimum(u, 0))
            return np.where(u > 0, phi * erfcx(np.maximum(u, 0)), plain) / (4 * b)

        return half(low, 1), half(high, -1), phi / (sigma * math.sqrt(2 * math.pi)), b, y

    def log_density(self, x, a, sigma):
        A, B, *_ = self._halves(x, a, sigma)
        return np.log(A + B)

    def score(self, x, a, sigma):
        A, B, phi, b, _ = self._halves(x, a, sigma)
        first = (B - A) / (b * (A + B))
        return first, (1 - phi / (A + B)) / b**2 - first**2

    def cdf(self, x, a, sigma):
        """p - b^2 p'' = phi, so F = Phi + b^2 p'."""
        A, B, _, b, y = self._halves(x, a, sigma)
        return ndtr(y / sigma) + b * (B - A)

    def sf(self, x, a, sigma):
        A, B, _, b, y = self._halves(x, a, sigma)
        return ndtr(-y / sigma) - b * (B - A)


def ou(T, horizon, delta):
    """a, sigma at levels 0..T of equal steps in OU time."""
    t = delta + (horizon - delta) * np.arange(T + 1) / T
    return np.exp(-t), np.sqrt(-np.expm1(-2 * t))


def ve(T, low, high):
    """a, sigma of geometrically growing noise."""
    return np.ones(T + 1), low * (high / low) ** (np.arange(T + 1) / T)


SHAPES = {
    "constant": lambda z, **_: (1 + 0 * z, 0 * z),
    "linear": lambda z, **_: (z, 1 + 0 * z),
    "hermite-2": lambda z, **_: ((z**2 - 1) / math.sqrt(2), 2 * z / math.sqrt(2)),
    "hermite-3": lambda z, **_: ((z**3 - 3 * z) / math.sqrt(6), (3 * z**2 - 3) / math.sqrt(6)),
    "fourier": lambda z, omega, seed=0, **_: (
        math.sqrt(2) * np.cos(omega * z + 2 * math.pi * np.random.default_rng(seed).random()),
        -math.sqrt(2) * omega * np.sin(omega * z + 2 * math.pi * np.random.default_rng(seed).random()),
    ),
    "tail": lambda z, start, **_: rise((z - start) / 0.25),
    "tanh": lambda z, x, spread, **_: (np.tanh(2 * x), spread * 2 / np.cosh(2 * x) ** 2),
}
"""(e, de/dz) up to size, z = (x - mean)/std of the marginal."""


def rise(u):
    u = np.clip(u, 0, 1)
    return u**4 * (35 - 84 * u + 70 * u**2 - 20 * u**3), 140 * u**3 * (1 - u) ** 3 / 0.25


class Problem:
    """A target, levels and a field with E_{q_t} e_t^2 shared by ``profile`` and (1/T) sum = eps^2."""

    def __init__(
        self, target, levels, shape, eps, profile="equal", window=(0.0, 1.0), n=200_001, span=14, **own
    ):
        self.target, (self.a, self.sigma), self.own = target, levels, own
        self.shape = SHAPES[shape]
        self.T = len(self.a) - 1
        mean, variance = target.moments()
        self.centre, self.spread = self.a * mean, np.sqrt(self.a**2 * variance + self.sigma**2)
        self.span, self.n = span, n
        self.start = np.zeros(self.T + 1)
        if "delta" in own:
            for t in range(1, self.T + 1):
                self.start[t] = self.upper_quantile(own["delta"], t)
        active = np.array([window[0] < t / self.T <= window[1] for t in range(self.T + 1)])
        plain = np.array([1.0 if t == 0 else self._norm(t) for t in range(self.T + 1)])
        share = {"equal": np.ones(self.T + 1), "sigma": 1 / self.sigma, "free": plain}[profile] * active
        share[0] = 0
        self.amplitude = share / plain * eps / math.sqrt((share[1:] ** 2).mean())

    def grid(self, t, n=None):
        x = self.centre[t] + self.spread[t] * np.linspace(-self.span, self.span, n or self.n)
        return x, x[1] - x[0]

    def density(self, x, t):
        return np.exp(self.target.log_density(x, self.a[t], self.sigma[t]))

    def raw(self, x, t):
        z = (x - self.centre[t]) / self.spread[t]
        e, slope = self.shape(z, x=x, spread=self.spread[t], start=self.start[t], **self.own)
        return e, slope / self.spread[t]

    def error(self, x, t):
        """e_t and e_t'."""
        e, slope = self.raw(x, t)
        return self.amplitude[t] * e, self.amplitude[t] * slope

    def _norm(self, t):
        x, h = self.grid(t)
        return math.sqrt((self.density(x, t) * self.raw(x, t)[0] ** 2).sum() * h)

    def upper_quantile(self, p, t):
        low, high = self.centre[t] - 40 * self.spread[t], self.centre[t] + 40 * self.spread[t]
        for _ in range(200):
            middle = 0.5 * (low + high)
            above = self.target.sf(middle, self.a[t], self.sigma[t]) > p
            low, high = (middle, high) if above else (low, middle)
        return (0.5 * (low + high) - self.centre[t]) / self.spread[t]

    def eps_score(self):
        squares = []
        for t in range(1, self.T + 1):
            x, h = self.grid(t)
            squares.append((self.density(x, t) * self.error(x, t)[0] ** 2).sum() * h)
        return math.sqrt(np.mean(squares))

    def eps_jacobi(self):
        sizes = []
        for t in range(1, self.T + 1):
            x, h = self.grid(t)
            sizes.append((self.density(x, t) * np.abs(self.error(x, t)[1])).sum() * h)
        return float(np.mean(sizes))

    def score(self, x, t, wrong):
        s, slope = self.target.score(x, self.a[t], self.sigma[t])
        if not wrong or self.amplitude[t] == 0:
            return s, slope
        e, de = self.error(x, t)
        return s + e, slope + de

    # -- deterministic samplers: y and dy/dx, carried along ------------------------------------------------

    def pf_ode(self, y, dy, t, wrong):
        alpha = (self.a[t] / self.a[t - 1]) ** 2
        s, ds = self.score(y, t, wrong)
        gain = 0.5 * (1 - alpha)
        return (y + gain * s) / math.sqrt(alpha), dy * (1 + gain * ds) / math.sqrt(alpha)

    def accelerated_ode(self, y, dy, t, wrong):
        if t == self.T:
            return self.pf_ode(y, dy, t, wrong)
        alpha, up = (self.a[t] / self.a[t - 1]) ** 2, (self.a[t + 1] / self.a[t]) ** 2
        s, ds = self.score(y, t, wrong)
        back, dback = math.sqrt(up) * (y - 0.5 * (1 - up) * s), math.sqrt(up) * (1 - 0.5 * (1 - up) * ds)
        s_up, ds_up = self.score(back, t + 1, wrong)
        c = (1 - alpha) ** 2 / (4 * (1 - up))
        out = y + 0.5 * (1 - alpha) * s + c * (s - math.sqrt(up) * s_up)
        slope = 1 + 0.5 * (1 - alpha) * ds + c * (ds - math.sqrt(up) * ds_up * dback)
        return out / math.sqrt(alpha), dy * slope / math.sqrt(alpha)

    def flow(self, step, wrong=True, exact_start=True):
        """x, r(x), Phi(x), Phi'(x)."""
        n = 10_000 * self.span + 1
        if exact_start:
            x, _ = self.grid(self.T, n)
            r = self.density(x, self.T)
        else:
            x = np.linspace(-self.span, self.span, n)
            r = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
        y, dy = x, np.ones_like(x)
        for t in range(self.T, 0, -1):
            y, dy = step(y, dy, t, wrong)
        return x, r, y, dy

    def ode_distances(self, step, exact_start=True):
        """tv, kl = KL(p||q), kl-reverse and w2 of the output against the marginal of level 0."""
        x, r, y, dy = self.flow(step, exact_start=exact_start)
        h = x[1] - x[0]
        log_p = self.target.log_density(y, self.a[0], self.sigma[0])
        p = np.exp(log_p) * dy
        with np.errstate(divide="ignore"):
            log_ratio = log_p + np.log(dy) - np.log(np.maximum(r, 1e-300))
        # the coupling of equal ranks, from the smaller tail
        if exact_start:
            low, high = (f(x, self.a[self.T], self.sigma[self.T]) for f in (self.target.cdf, self.target.sf))
        else:
            low, high = ndtr(x), ndtr(-x)
        inside = np.minimum(low, high) > 1e-20
        rank = self.quantile(np.stack([low[inside], high[inside]]), y[inside])
        return {
            "tv": 0.5 * np.abs(p - r).sum() * h,
            "kl": (p * log_ratio).sum() * h,
            "kl-reverse": -(r * log_ratio).sum() * h,
            "w2": math.sqrt((r[inside] * (y[inside] - rank) ** 2).sum() * h),
        }

    def quantile(self, tails, guess):
        """x with these tail masses under the marginal of level 0, by bisection from the smaller tail."""
        level = (self.a[0], self.sigma[0])
        width = 2.0 + np.abs(guess) * 0
        low, high = guess - width, guess + width
        upper = tails[0] > tails[1]
        for _ in range(60):
            middle = 0.5 * (low + high)
            left = np.where(
                upper, self.target.sf(middle, *level) > tails[1], self.target.cdf(middle, *level) < tails[0]
            )
            low, high = np.where(left, middle, low), np.where(left, high, middle)
        return 0.5 * (low + high)

    def added_ode(self, step, exact_start=True):
        """tv and kl of the output with the wrong score against that with the exact one."""
        x, r, y, dy = self.flow(step, True, exact_start)
        _, _, z, dz = self.flow(step, False, exact_start)
        # density of the exact output at y: invert the exact flow by one Newton step from cubic interpolation
        from scipy.interpolate import CubicHermiteSpline

        at = CubicHermiteSpline(x, z, dz)
        back = np.clip(np.interp(y, z, x), x[0], x[-1])
        for _ in range(4):
            back = np.clip(back - (at(back) - y) / at(back, 1), x[0], x[-1])
        y_back, dy_back = back, np.ones_like(back)
        for t in range(self.T, 0, -1):
            y_back, dy_back = step(y_back, dy_back, t, False)
        start = self.density(back, self.T) if exact_start else np.exp(-0.5 * back**2) / math.sqrt(2 * math.pi)
        exact = start / dy_back * dy
        good = (r > 1e-290) & (exact > 1e-290)
        h = x[1] - x[0]
        return {
            "tv-added": 0.5 * np.abs(exact - r).sum() * h,
            "kl-added": (exact[good] * np.log(exact[good] / r[good])).sum() * h,
        }

    # -- stochastic samplers: the density on uniform grids ---------------------------------------------------

    def stages(self, name, t, wrong):
        """(mean, std) of the stages of step t."""
        ratio = self.a[t] / self.a[t - 1]
        alpha, beta = ratio**2, self.sigma[t] ** 2 - ratio**2 * self.sigma[t - 1] ** 2

        def mean(y):
            return (y + beta * self.score(y, t, wrong)[0]) / math.sqrt(alpha)

        if name in ("ddpm", "euler-maruyama"):
            return [(mean, math.sqrt(beta / alpha))]
        if name == "accelerated-ddpm":
            half = math.sqrt(0.5 * beta)
            return [(lambda y: y, half), (mean, half / math.sqrt(alpha))]
        raise ValueError(name)

    def density_after(self, name, wrong=True, exact_start=True, n=4001, prior=1.0):
        """Output density on a uniform grid: x, q."""
        x = np.linspace(-1, 1, n) * self.span * max(self.spread.max(), 0 if exact_start else prior)
        x = x + np.mean(self.centre)
        h = x[1] - x[0]
        q = (
            self.density(x, self.T)
            if exact_start
            else np.exp(-0.5 * (x / prior) ** 2) / prior / math.sqrt(2 * math.pi)
        )
        for t in range(self.T, 0, -1):
            for mean, std in self.stages(name, t, wrong):
                m = mean(x)
                keep = q > 1e-200
                q = np.concatenate(
                    [
                        np.exp(-0.5 * ((part[:, None] - m[keep]) / std) ** 2) @ q[keep]
                        for part in np.array_split(x, 20)
                    ]
                ) * (h / (std * math.sqrt(2 * math.pi)))
        return x, q

    def sde_distances(self, name, exact_start=True, n=4001, prior=1.0):
        x, q = self.density_after(name, True, exact_start, n, prior)
        h = x[1] - x[0]
        log_p = self.target.log_density(x, self.a[0], self.sigma[0])
        p = np.exp(log_p)
        good = (q > 1e-280) & (p > 1e-280)
        ratio = np.log(q[good]) - log_p[good]
        return {
            "tv": 0.5 * absolute(q - p) * h,
            "kl": -(p[good] * ratio).sum() * h,
            "kl-reverse": (q[good] * ratio).sum() * h,
            "chi2": (p[good] * np.expm1(ratio) ** 2).sum() * h,
        }

    def added_sde(self, name, exact_start=True, n=4001, prior=1.0):
        x, wrong = self.density_after(name, True, exact_start, n, prior)
        _, exact = self.density_after(name, False, exact_start, n, prior)
        h = x[1] - x[0]
        good = (wrong > 1e-280) & (exact > 1e-280)
        return {
            "tv-added": 0.5 * absolute(wrong - exact) * h,
            "kl-added": (exact[good] * np.log(exact[good] / wrong[good])).sum() * h,
        }

    def path_kl(self, exact_start=True):
        """DDPM: sum_t E_{q_t} KL(true reverse kernel || sampler kernel), the true kernels by brute force.

        The exact mean leaves no cross term: error part sum_t beta_t E e_t^2/2 for alpha_t = 1 - beta_t.
        """
        total = 0.0
        for t in range(1, self.T + 1):
            alpha = (self.a[t] / self.a[t - 1]) ** 2
            x, h = self.grid(t, 20_001)
            beta = self.sigma[t] ** 2 - alpha * self.sigma[t - 1] ** 2
            total += 0.5 * beta * (self.density(x, t) * self.error(x, t)[0] ** 2).sum() * h
        return total


def absolute(f):
    """sum |f| on a uniform grid with the kinks at sign changes resolved: cubic interpolation between points."""
    from scipy.interpolate import CubicSpline

    fine = CubicSpline(np.arange(f.size), f)(np.linspace(0, f.size - 1, 40 * (f.size - 1) + 1))
    return np.abs(fine).sum() / 40


__all__ = ["Laplace", "Mixture", "Problem", "absolute", "ndtri", "ou", "ve"]
