"""Every linear scheme on correlated Gaussians in d = 1..6, from the case tables to the distances, against numpy.

In the eigenbasis of the covariance each coordinate is a scalar problem whose state is a linear form in
(1, y_T, Z_1, Z_2, ...), held as its vector of coefficients. The samplers are written out here once more, from their
papers; the distances are the textbook formulas.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import integrate
from scipy.special import ndtr

from sharpbound import processes, samplers, targets
from sharpbound.laws import distance, output_law

Array = np.ndarray


class Line:
    """One coordinate N(m, v) seen by a scheme: levels a, s, the score, and the linear form y."""

    def __init__(self, a: Array, s: Array, stop: int, kind: str, m: float, v: float) -> None:
        self.a, self.s, self.kind, self.m, self.v = a, s, kind, m, v
        self.stop, self.T = stop, len(a) - 1
        self.unit = np.eye(2 + 2 * (self.T - stop))
        self.y, self.used = self.unit[1], 2
        self.past: list[tuple[float, Array]] = []

    def variance(self, a: float, s: float) -> float:
        return a * a * self.v + s * s

    def score(self, a: float, s: float, y: Array) -> Array:
        return -(y - a * self.m * self.unit[0]) / self.variance(a, s)

    def eps(self, a: float, s: float, y: Array) -> Array:
        return -s * self.score(a, s, y)

    def x0(self, a: float, s: float, y: Array) -> Array:
        return (y - s * self.eps(a, s, y)) / a

    def noise(self) -> Array:
        self.used += 1
        return self.unit[self.used - 1]


def pf_ode(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    return (p.y + 0.5 * (1 - (a / b) ** 2) * p.score(a, s, p.y)) * b / a


def ddpm(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    beta = 1 - (a / b) ** 2
    return (p.y + beta * p.score(a, s, p.y) + math.sqrt(beta) * p.noise()) * b / a


def ddpm_posterior(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    beta = 1 - (a / b) ** 2
    return (p.y + beta * p.score(a, s, p.y)) * b / a + math.sqrt(beta * (1 - b * b) / (1 - a * a)) * p.noise()


def ddpm_covariance(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    alpha = (a / b) ** 2
    variance = (1 - alpha) / alpha * (1 - (1 - alpha) / p.variance(a, s))
    return (p.y + (1 - alpha) * p.score(a, s, p.y)) / math.sqrt(alpha) + math.sqrt(variance) * p.noise()


def accelerated_ddpm(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    beta = 1 - (a / b) ** 2
    y = p.y + math.sqrt(beta / 2) * p.noise()
    return (y + beta * p.score(a, s, y) + math.sqrt(beta / 2) * p.noise()) * b / a


def accelerated_ode(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    beta, f = 1 - (a / b) ** 2, p.score(a, s, p.y)
    drift = p.y + beta / 2 * f
    if t < p.T:
        up = (p.a[t + 1] / a) ** 2
        back = math.sqrt(up) * (p.y - (1 - up) / 2 * f)
        drift = drift + beta**2 / (4 * (1 - up)) * (f - math.sqrt(up) * p.score(p.a[t + 1], p.s[t + 1], back))
    return drift * b / a


def accelerated_ddpm_li2024(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    beta = 1 - (a / b) ** 2
    noise = math.sqrt(beta) * (1 - beta / 2 / p.variance(a, s)) * p.noise()
    return (p.y + beta * p.score(a, s, p.y) + noise) * b / a


def accelerated_ode_li2024(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    beta, f = 1 - (a / b) ** 2, p.score(a, s, p.y)
    return (p.y + beta / 2 * f + beta**2 / 8 * f / p.variance(a, s)) * b / a


def churned(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    added = (s / a) ** 2 - (c / b) ** 2
    return b * (p.y / a + added * a * p.score(a, s, p.y) + math.sqrt(added) * p.noise())


def ddim(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    return b * p.x0(a, s, p.y) + c * p.eps(a, s, p.y)


def euler_maruyama(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    u, w = -2 * math.log(b), -2 * math.log(a)  # int beta up to either level
    g2 = {"ve": s * s - c * c, "vp": w - u, "sub-vp": w - u + (math.exp(-2 * w) - math.exp(-2 * u)) / 2}[
        p.kind
    ]
    return p.y * (1 + (w - u) / 2) + g2 * p.score(a, s, p.y) + math.sqrt(g2) * p.noise()


def exponential_integrator(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    f = p.score(a, s, p.y)
    if p.kind == "ve":
        return p.y + (s * s - c * c) * f + math.sqrt(s * s - c * c) * p.noise()
    grow = b / a
    return grow * p.y + 2 * (grow - 1) * f + math.sqrt(grow**2 - 1) * p.noise()


def edm_heun(p: Line, t: int, a: float, s: float, b: float, c: float, churn: float = 10.0) -> Array:
    n, n_next = s / a, c / b
    hat = n * (1 + min(churn / (p.T - p.stop), math.sqrt(2) - 1))
    x = p.y / a + math.sqrt(hat**2 - n**2) * (p.noise() if churn else 0 * p.y)
    slope = p.eps(a, a * hat, a * x)
    euler = x + (n_next - hat) * slope
    return b * (x + (n_next - hat) / 2 * (slope + p.eps(b, c, b * euler)))


def heun(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    return edm_heun(p, t, a, s, b, c, churn=0.0)


def dpm_2m(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    return _two_step(p, a, s, b, c)


def sde_dpm_2m(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    return _two_step(p, a, s, b, c, stochastic=True)


def _two_step(p: Line, a: float, s: float, b: float, c: float, stochastic: bool = False) -> Array:
    h, x0 = math.log(b / c) - math.log(a / s), p.x0(a, s, p.y)
    data = x0 + h / (2 * p.past[-1][0]) * (x0 - p.past[-1][1]) if p.past else x0
    p.past.append((h, x0))
    if not stochastic:
        return c / s * p.y - b * math.expm1(-h) * data
    fresh = 1 - math.exp(-2 * h)
    return c / s * math.exp(-h) * p.y + b * fresh * data + c * math.sqrt(fresh) * p.noise()


def adams_bashforth(p: Line, t: int, a: float, s: float, b: float, c: float) -> Array:
    n, n_next, slope = s / a, c / b, p.eps(a, s, p.y)
    change = slope
    if p.past:
        before, old = p.past[-1]
        change = slope + (n_next - n) / (2 * (n - before)) * (slope - old)  # the mean over the step of a line
    p.past.append((n, slope))
    return b * (p.y / a + (n_next - n) * change)


SCHEMES: dict[str, Callable[..., Array]] = {
    "pf-ode": pf_ode,
    "ddpm": ddpm,
    "ddpm-posterior": ddpm_posterior,
    "ddpm-covariance": ddpm_covariance,
    "accelerated-ddpm": accelerated_ddpm,
    "accelerated-ode": accelerated_ode,
    "accelerated-ddpm-li2024": accelerated_ddpm_li2024,
    "accelerated-ode-li2024": accelerated_ode_li2024,
    "churned": churned,
    "ddim": ddim,
    "euler-maruyama": euler_maruyama,
    "exponential-integrator": exponential_integrator,
    "edm-heun": edm_heun,
    "heun": heun,
    "dpm-solver++-2m": dpm_2m,
    "sde-dpm-solver++-2m": sde_dpm_2m,
    "adams-bashforth": adams_bashforth,
}


def levels(name: str, T: int) -> tuple[dict, Array, Array, int, str]:
    """Case table, a, sigma, stop and kind of a schedule."""
    u = np.arange(T + 1) / T
    if name == "li2024":
        step = 5 * math.log(T) / T
        beta = [T**-2.0] + [step * min(T**-2.0 * (1 + step) ** t, 1.0) for t in range(1, T)]
        abar = np.concatenate([[1.0], np.cumprod(1 - np.array(beta))])
        return {"schedule": name}, np.sqrt(abar), np.sqrt(1 - abar), 1, "vp"
    if name == "ou-uniform":
        t = 0.05 + 2.45 * u
        spec = {"schedule": name, "horizon": 2.5, "delta": 0.05}
        return spec, np.exp(-t), np.sqrt(1 - np.exp(-2 * t)), 0, "vp"
    if name == "sub-vp":
        t = 1e-3 + 0.999 * u
        integral = 0.1 * t + 19.9 * t**2 / 2
        return {"schedule": name}, np.exp(-integral / 2), 1 - np.exp(-integral), 0, "sub-vp"
    spec = {"schedule": "edm", "sigma_min": 0.05, "sigma_max": 20.0}
    return spec, np.ones(T + 1), (0.05 ** (1 / 7) + u * (20 ** (1 / 7) - 0.05 ** (1 / 7))) ** 7, 0, "ve"


def output(
    name: str, schedule: str, T: int, init: str, m: float, v: float
) -> tuple[float, float, float, float]:
    """Mean and variance of q, then of p, for one coordinate."""
    _, a, s, stop, kind = levels(schedule, T)
    line = Line(a, s, stop, kind, m, v)
    for t in range(T, stop, -1):
        line.y = SCHEMES[name](line, t, a[t], s[t], a[t - 1], s[t - 1])
    mean_T, var_T = (
        (0.0, s[-1] ** 2 if kind == "ve" else 1.0)
        if init == "normal"
        else (a[-1] * m, line.variance(a[-1], s[-1]))
    )
    y = line.y
    return (
        y[0] + y[1] * mean_T,
        y[1] ** 2 * var_T + (y[2:] ** 2).sum(),
        a[stop] * m,
        line.variance(a[stop], s[stop]),
    )


def closed_forms(shift: Array, ratio: Array, gap: Array, var: Array) -> dict[str, float]:
    """Distances of N(0, 1) and N(shift, ratio) coordinates; W2 from the means' gap and p's variances."""
    chi2 = (
        np.prod(np.exp(shift**2 / (2 - ratio)) / np.sqrt(ratio * (2 - ratio))) - 1
        if ratio.max() < 2
        else math.inf
    )
    bc = np.prod(np.sqrt(2 * np.sqrt(ratio) / (1 + ratio)) * np.exp(-(shift**2) / (4 * (1 + ratio))))
    return {
        "kl": 0.5 * np.sum(np.log(ratio) + (1 + shift**2) / ratio - 1),
        "kl-reverse": 0.5 * np.sum(ratio + shift**2 - 1 - np.log(ratio)),
        "chi2": chi2,
        "hellinger": math.sqrt(1 - bc),
        "w2": math.sqrt(np.sum(gap**2 + var * (np.sqrt(ratio) - 1) ** 2)),
    }


def fits(name: str) -> list[str]:
    kinds = samplers.SAMPLERS[name].kinds
    by_kind = {"vp": ["li2024", "ou-uniform"], "sub-vp": ["sub-vp"], "ve": ["edm"]}
    return [schedule for kind in sorted(kinds) for schedule in by_kind[kind]]


@pytest.mark.parametrize(("name", "schedule"), [(n, s) for n in SCHEMES for s in fits(n)])
def test_correlated_gaussian(name: str, schedule: str) -> None:
    rng = np.random.default_rng(sum(map(ord, name + schedule)))
    T, d = 40, int(rng.integers(2, 7))
    axes = np.linalg.qr(rng.standard_normal((d, d)))[0]
    variances, mean = np.exp(rng.uniform(-2.0, 1.0, d)), rng.standard_normal(d)
    cov = axes @ np.diag(variances) @ axes.T
    spec = {"family": "gaussian", "mean": (axes @ mean).tolist(), "cov": (0.5 * (cov + cov.T)).tolist()}
    init = str(rng.choice(["normal", "exact"]))
    law = output_law(
        targets.build(spec), processes.build(levels(schedule, T)[0], T), samplers.SAMPLERS[name], init=init
    )
    coordinates = [output(name, schedule, T, init, m, v) for m, v in zip(mean, variances, strict=True)]
    mean_q, var_q, mean_p, var_p = np.array(coordinates).T
    expected = closed_forms((mean_q - mean_p) / np.sqrt(var_p), var_q / var_p, mean_q - mean_p, var_p)
    for metric, value in expected.items():
        measured = distance(law, metric)
        # the oracle subtracts numbers of size one, and takes the root for hellinger
        slack = 1e-7 if metric == "hellinger" and value < 1e-6 else 1e-13
        assert (
            measured.value == value or abs(measured.value - value) <= 1e-9 * value + measured.floor + slack
        ), metric


@pytest.mark.parametrize("name", ["ddpm", "pf-ode", "dpm-solver++-2m"])
def test_total_variation_in_the_plane_by_quadrature_over_lines(name: str) -> None:
    T, variances, mean = 24, (0.3, 2.5), (0.8, -0.4)
    c, s = math.cos(0.7), math.sin(0.7)
    axes = np.array([[c, -s], [s, c]])
    cov = axes @ np.diag(variances) @ axes.T
    spec = {
        "family": "gaussian",
        "mean": (axes @ np.array(mean)).tolist(),
        "cov": (0.5 * (cov + cov.T)).tolist(),
    }
    law = output_law(
        targets.build(spec), processes.build(levels("ou-uniform", T)[0], T), samplers.SAMPLERS[name]
    )
    mean_q, var_q, mean_p, var_p = np.array(
        [output(name, "ou-uniform", T, "normal", m, v) for m, v in zip(mean, variances, strict=True)]
    ).T
    (d1, d2), (k1, k2) = (mean_q - mean_p) / np.sqrt(var_p), var_q / var_p

    def on_line(x: float) -> float:
        """int |p - q| along the second coordinate: between the roots of a quadratic, by normal tails."""
        density_p = math.exp(-x * x / 2)
        density_q = math.exp(-((x - d1) ** 2) / (2 * k1)) / math.sqrt(k1)
        roots = np.roots(
            [
                0.5 - 0.5 / k2,
                d2 / k2,
                -d2 * d2 / (2 * k2) - 0.5 * math.log(k2) + math.log(density_q / density_p),
            ]
        )
        cuts = [-math.inf, *sorted(roots[np.abs(roots.imag) < 1e-12].real), math.inf]
        p, q = density_p * ndtr(cuts), density_q * ndtr((np.array(cuts) - d2) / math.sqrt(k2))
        return float(np.abs(np.diff(p) - np.diff(q)).sum())

    value, error = integrate.quad(on_line, -9, 9, limit=400, epsabs=1e-11)
    assert distance(law, "tv").value == pytest.approx(
        0.5 * value / math.sqrt(2 * math.pi), abs=max(1e-9, error)
    )
