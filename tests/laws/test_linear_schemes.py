"""Every linear scheme on correlated Gaussians in d = 1..6, from the case tables to the distances, against numpy.

In the eigenbasis of the covariance each coordinate is a scalar problem (`linear_oracle`); the distances are the
textbook formulas.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate
from scipy.special import ndtr

from linear_oracle import SAMPLERS, Walk
from sharpbound import processes, samplers, targets
from sharpbound.laws import distance, output_law

Array = np.ndarray


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
    walk = Walk(a[stop:][::-1], s[stop:][::-1], m, math.sqrt(v), kind)
    mean_T, var_T = (
        (0.0, s[-1] ** 2 if kind == "ve" else 1.0)
        if init == "normal"
        else (a[-1] * m, walk.variance(a[-1], s[-1]))
    )
    y = SAMPLERS[name](walk)
    return (
        y[0] + y[1] * mean_T,
        y[1] ** 2 * var_T + (y[2:] ** 2).sum(),
        a[stop] * m,
        walk.variance(a[stop], s[stop]),
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


@pytest.mark.parametrize(("name", "schedule"), [(n, s) for n in SAMPLERS for s in fits(n)])
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
