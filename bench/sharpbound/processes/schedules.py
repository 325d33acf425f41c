"""Noise schedules by name, each with the formula of its paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sharpbound import foreign
from sharpbound.bounds import LEAST_SIGNAL, MAX_STEPS, MOST
from sharpbound.errors import InputError, brief, did_you_mean
from sharpbound.options import made
from sharpbound.processes.ladder import Ladder
from sharpbound.processes.own import own_ladder
from sharpbound.processes.process import SUB_VP, VE, VP, Array, Process


def _from_betas(name: str, beta: Array, step: float, params: dict[str, float]) -> Ladder:
    """Discrete VP ladder from beta_1..beta_T: abar_t = prod (1 - beta_i), level 0 the data."""
    log_abar = np.concatenate([[0.0], np.cumsum(np.log1p(-beta))])
    return Ladder(
        name=name,
        process=VP,
        a=np.exp(0.5 * log_abar),
        sigma=np.sqrt(-np.expm1(log_abar)),
        beta=np.concatenate([[0.0], beta]),
        stop=1,
        step_size=step,
        params=params,
    )


def _from_log_a(name: str, log_a: Array, sigma: Array, process: Process, params: dict[str, float]) -> Ladder:
    """Ladder on continuous time from log a_t and sigma_t at increasing times; level 0 = stopping time."""
    beta = np.concatenate([[0.0], -np.expm1(2.0 * np.diff(log_a))])
    return Ladder(
        name=name,
        process=process,
        a=np.exp(log_a),
        sigma=sigma,
        beta=beta,
        stop=0,
        step_size=1.0 / (len(log_a) - 1),
        params=params,
    )


def _li2024_betas(T: int, c0: float, c1: float) -> Array:
    step = c1 * math.log(T) / T
    beta_1 = T**-c0
    t = np.arange(1, T)
    with np.errstate(over="ignore"):  # the min() caps what overflows
        growth = beta_1 * np.exp(np.minimum(t * math.log1p(step), 700.0))
    return np.concatenate([[beta_1], step * np.minimum(growth, 1.0)])


def li2024(T: int, c0: float = 2.0, c1: float = 5.0) -> Ladder:
    """Li, Wei, Chen & Chi (2306.09251, Feb 2024, eq. (22)): beta_1 = T^-c0,
    beta_{t+1} = (c1 log T / T) min{beta_1 (1 + c1 log T/T)^t, 1}, where the paper has the exponent t + 1.

    Valid where c1 log T / T < 1; abar_T is about e^-1 T^-(c1-c0), so take c1 >= 2 c0.
    """
    _positive(c0=c0, c1=c1)
    if T < 2 or c1 * math.log(T) >= T:
        raise InputError(
            f"li2024 has beta = c1 log(T)/T = {c1 * math.log(max(T, 1)) / max(T, 1):.3g} at T = {T}, "
            f"which must be below 1: {_li2024_room(T, c1)}",
            key="sweep.T",
        )
    ladder = _from_betas("li2024", _li2024_betas(T, c0, c1), c1 * math.log(T) / T, {"c0": c0, "c1": c1})
    return replace(ladder, axis="T/log T", axis_logs=1.0, slow_log=True)  # sum beta_t ~ log T


def _li2024_room(T: int, c1: float) -> str:
    """The least T with c1 log T < T for this c1; where it is beyond all use, the largest c1 for this T."""
    below, enough = max(2, T), MAX_STEPS
    if c1 * math.log(enough) >= enough:
        return f"take c1 < {max(T, 2) / math.log(max(T, 2)):.4g}"
    while enough - below > 1:  # c1 log T/T falls for T >= 3
        middle = (below + enough) // 2
        below, enough = (below, middle) if c1 * math.log(middle) < middle else (middle, enough)
    return f"use T >= {enough} (for c1 = {c1:g})"


def cosine(T: int, s: float = 0.008, beta_max: float = 0.999) -> Ladder:
    """Nichol & Dhariwal (2102.09672): abar_t = f(t/T)/f(0), f(u) = cos^2((u+s)/(1+s) pi/2), beta <= .999."""
    _positive(s=s, beta_max=beta_max)
    if beta_max >= 1:
        raise InputError(f"beta_max must be below 1, got {beta_max:g}", key="forward.beta_max")
    if T < 2:
        raise InputError(f"cosine needs T >= 2, got {T}", key="sweep.T")
    f = np.cos((np.arange(T + 1) / T + s) / (1 + s) * math.pi / 2) ** 2
    beta = np.minimum(1 - f[1:] / f[:-1], beta_max)
    return _from_betas("cosine", beta, 1.0 / T, {"s": s, "beta_max": beta_max})


def ou_uniform(T: int, horizon: float = 1.0, delta: float = 0.01) -> Ladder:
    """dx = -x dt + sqrt(2) dB on the uniform grid t_k = delta + k (horizon - delta)/T, k = 0..T."""
    times = np.linspace(*_interval(delta, horizon, "horizon"), T + 1)
    return _ornstein_uhlenbeck("ou-uniform", times, {"horizon": horizon, "delta": delta})


def benton(T: int, horizon: float = 5.0, delta: float = 0.001) -> Ladder:
    """Benton et al. (2308.03686): OU with steps h_k <= kappa min(1, t), equal in int dt/min(1, t).

    Uniform above t = 1 and geometric below; kappa = (horizon - 1 + log(1/delta))/T.
    """
    _positive(delta=delta)
    delta, horizon = _interval(delta, horizon, "horizon")

    def clock(t: float) -> float:
        return t - 1.0 if t > 1.0 else math.log(t)

    u = np.linspace(clock(delta), clock(horizon), T + 1)
    times = np.where(u > 0, 1.0 + u, np.exp(np.minimum(u, 0.0)))
    return _ornstein_uhlenbeck("benton", times, {"horizon": horizon, "delta": delta})


def _ornstein_uhlenbeck(name: str, times: Array, params: dict[str, float]) -> Ladder:
    return _from_log_a(name, -times, np.sqrt(-np.expm1(-2.0 * times)), VP, params)


def _linear_beta(T: int, beta_min: float, beta_max: float, delta: float) -> Array:
    """int_0^t beta on the uniform grid of [delta, 1], beta(t) = beta_min + t (beta_max - beta_min)."""
    _positive(beta_min=beta_min, beta_max=beta_max)
    t = np.linspace(*_interval(delta, 1.0, "delta"), T + 1)
    return beta_min * t + 0.5 * (beta_max - beta_min) * t**2


def vp_linear(T: int, beta_min: float = 0.1, beta_max: float = 20.0, delta: float = 1e-3) -> Ladder:
    """Song et al. (2011.13456): a = exp(-1/2 int beta), sigma^2 = 1 - a^2, t uniform on [delta, 1]."""
    integral = _linear_beta(T, beta_min, beta_max, delta)
    params = {"beta_min": beta_min, "beta_max": beta_max, "delta": delta}
    return _from_log_a("vp-linear", -0.5 * integral, np.sqrt(-np.expm1(-integral)), VP, params)


def sub_vp(T: int, beta_min: float = 0.1, beta_max: float = 20.0, delta: float = 1e-3) -> Ladder:
    """Song et al. (2011.13456): a = exp(-1/2 int beta), sigma = 1 - exp(-int beta)."""
    integral = _linear_beta(T, beta_min, beta_max, delta)
    params = {"beta_min": beta_min, "beta_max": beta_max, "delta": delta}
    return _from_log_a("sub-vp", -0.5 * integral, -np.expm1(-integral), SUB_VP, params)


def ve_exponential(T: int, sigma_min: float = 0.01, sigma_max: float = 50.0) -> Ladder:
    """Song et al. (2011.13456): sigma_t = sigma_min (sigma_max/sigma_min)^(t/T), t = 0..T."""
    lo, hi = _sigmas(sigma_min, sigma_max)
    sigma = np.exp(np.linspace(math.log(lo), math.log(hi), T + 1))
    return _variance_exploding("ve-exponential", sigma, {"sigma_min": lo, "sigma_max": hi})


def edm(T: int, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0) -> Ladder:
    """Karras et al. (2206.00364, eq. (5)): sigma^(1/rho) uniform between sigma_min and sigma_max, T steps."""
    lo, hi = _sigmas(sigma_min, sigma_max)
    _positive(rho=rho)
    sigma = np.linspace(lo ** (1 / rho), hi ** (1 / rho), T + 1) ** rho
    return _variance_exploding("edm", sigma, {"sigma_min": lo, "sigma_max": hi, "rho": rho})


def tangent(T: int, sigma_min: float = 0.002, sigma_max: float = 80.0, c: float = 0.5) -> Ladder:
    """sigma = c tan(theta), theta uniform: optimal for the Euler PF-ODE on N(0, c^2), whose output
    standard deviation is then prod cos(dtheta) of the exact one (Align Your Steps, 2404.14507).
    """
    lo, hi = _sigmas(sigma_min, sigma_max)
    _positive(c=c)
    sigma = c * np.tan(np.linspace(math.atan(lo / c), math.atan(hi / c), T + 1))
    return _variance_exploding("tangent", sigma, {"sigma_min": lo, "sigma_max": hi, "c": c})


def edm_to_zero(T: int, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0) -> Ladder:
    """The EDM ladder with T - 1 steps and then a last step from sigma_min to sigma = 0, the data themselves.

    Karras et al. (2206.00364, eq. (5), t_N = 0). That last step does not shrink with T.
    """
    if T < 2:
        raise InputError(f"edm-to-zero needs T >= 2, got {T}", key="sweep.T")
    to_sigma_min = edm(T - 1, sigma_min, sigma_max, rho)
    sigma = np.concatenate([[0.0], to_sigma_min.sigma])
    return _from_log_a("edm-to-zero", np.zeros_like(sigma), sigma, VE, to_sigma_min.params)


def log_snr_uniform(T: int, lambda_min: float = -5.0, lambda_max: float = 3.0) -> Ladder:
    """Variance-preserving levels uniform in lambda = log(a/sigma): a^2 = 1/(1 + e^{-2 lambda}).

    The ladder in whose step h = (lambda_max - lambda_min)/T the orders of DPM-Solver (2206.00927) are stated.
    """
    if not (math.isfinite(lambda_min) and math.isfinite(lambda_max) and lambda_min < lambda_max):
        raise InputError(
            f"lambda_min = {lambda_min:g} must be finite and below lambda_max = {lambda_max:g}",
            key="forward.lambda_min",
        )
    lam = np.linspace(lambda_max, lambda_min, T + 1)
    log_a, log_sigma = (-0.5 * np.logaddexp(0.0, sign * 2 * lam) for sign in (-1, 1))
    params = {"lambda_min": lambda_min, "lambda_max": lambda_max}
    return _from_log_a("log-snr-uniform", log_a, np.exp(log_sigma), VP, params)


def _variance_exploding(name: str, sigma: Array, params: dict[str, float]) -> Ladder:
    sigma[0], sigma[-1] = params["sigma_min"], params["sigma_max"]  # the end points exactly as asked
    return _from_log_a(name, np.zeros_like(sigma), sigma, VE, params)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} must be a positive number, got {value:g}", key=f"forward.{name}")


def _interval(lo: float, hi: float, key: str) -> tuple[float, float]:
    if not (math.isfinite(lo) and lo >= 0):
        raise InputError(f"delta must be >= 0, got {lo:g}", key="forward.delta")
    if not (math.isfinite(hi) and hi > lo):
        raise InputError(f"{key} leaves no room: delta = {lo:g} must lie below {hi:g}", key=f"forward.{key}")
    return lo, hi


def _sigmas(lo: float, hi: float) -> tuple[float, float]:
    _positive(sigma_min=lo, sigma_max=hi)
    if hi <= lo:
        raise InputError(f"sigma_max = {hi:g} must exceed sigma_min = {lo:g}", key="forward.sigma_max")
    return lo, hi


SCHEDULES: dict[str, Callable[..., Ladder]] = {
    "li2024": li2024,
    "cosine": cosine,
    "ou-uniform": ou_uniform,
    "benton": benton,
    "vp-linear": vp_linear,
    "sub-vp": sub_vp,
    "ve-exponential": ve_exponential,
    "edm": edm,
    "edm-to-zero": edm_to_zero,
    "log-snr-uniform": log_snr_uniform,
    "tangent": tangent,
}


def build(spec: dict[str, Any], T: int) -> Ladder:
    """The ladder of a case file's ``[forward]`` table at ``T``.

    The schedule may be the user's own, "module:object": a function of T and of the table's other keys that
    returns a Ladder. Raises InputError, naming ``forward.<key>``, for every bad key.
    """
    name = spec.get("schedule")
    given = {key: value for key, value in spec.items() if key not in ("schedule", foreign.STAMP)}
    if isinstance(T, bool) or not isinstance(T, int) or T < 1:
        raise InputError(f"T must be an integer >= 1, got {T!r}", key="sweep.T")
    if foreign.is_foreign(name):
        ladder = own_ladder(str(name), spec.get(foreign.STAMP), given, T)
        _check_levels(ladder)
        return ladder
    if not isinstance(name, str) or name not in SCHEDULES:
        raise InputError(
            f"unknown schedule {brief(name)}{did_you_mean(str(name), SCHEDULES)}", key="forward.schedule"
        )
    with np.errstate(all="ignore"):  # what comes of it is looked at
        try:
            ladder = made(SCHEDULES[name], given, name="forward", who=name, first=(T,))
        except ArithmeticError:
            raise InputError(
                f"the levels of {name} are beyond float64: use parameters that are less extreme",
                key="forward",
            ) from None
        _check_levels(ladder)
    return ladder


def _check_levels(ladder: Ladder) -> None:
    """InputError unless all levels are numbers within `bounds`, and each is noisier than the one before."""
    a, sigma, alpha = ladder.a, ladder.sigma, 1.0 - ladder.beta
    inside = (a >= LEAST_SIGNAL) & (sigma <= MOST) & (alpha > 0) & np.isfinite(a + sigma + alpha)
    told_apart = np.diff(sigma / a, prepend=-1.0) > 0
    wrong = np.flatnonzero(~(inside & told_apart))
    if len(wrong):
        t = int(wrong[0])
        why = (
            "is noisier by less than float64 can tell"
            if inside[t]
            else f"must have a >= {LEAST_SIGNAL:g}, sigma <= {MOST:g} and alpha > 0"
        )
        raise InputError(
            f"level {t} of {ladder.name}, with a = {a[t]:.3g} and sigma = {sigma[t]:.3g}, {why}: "
            "use parameters that are less extreme, or another T",
            key="forward",
        )
