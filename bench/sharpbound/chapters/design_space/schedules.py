"""Noise schedules by name, and the ladder that is optimal for a given law.

For N steps on a smooth ladder v(u), u in [0, 1], the discretisation error is to leading order
N E_D -> 1/4 int_0^1 J(v(u)) v'(u)^2 du: least where steps are laid with density sqrt(J), J = -I'.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sharpbound.errors import InputError
from sharpbound.marginals.fisher import Information
from sharpbound.numerics.quadrature import Panels
from sharpbound.processes.ladder import Ladder
from sharpbound.processes.process import VE
from sharpbound.processes.schedules import edm, tangent, ve_exponential, vp_linear

Array = NDArray[np.float64]

SHOTS = 200_000
"""Steps spent on looking for the first step of the optimal ladder. Roots lie densest where steps are few and
long; a ladder of many steps follows a differential equation, whose solution is unique."""
CUTS, ROUNDS = 64, 9
"""A bracket of the first step is cut in 64, nine times: from 0.1 to the last bit."""


def named(name: str, steps: int, sigma_min: float, sigma_max: float) -> Ladder:
    """The ladder ``name`` with ``steps`` steps between sigma_min and sigma_max.

    ``exponential`` (Song et al.), ``polynomial-a`` (sigma^(1/a) uniform; ``edm`` is a = 7), ``cosine``
    (sigma = tan of a uniform angle: sigma/a of the variance-preserving abar = cos^2), ``tangent-c``, and
    ``vp-linear`` (the variance-preserving process with linear beta, sigma/a between the two ends).
    """
    family, _, number = name.partition("-")
    if name == "exponential":
        return ve_exponential(steps, sigma_min, sigma_max)
    if name == "edm":
        return edm(steps, sigma_min, sigma_max, rho=7.0)
    if name == "cosine":
        return tangent(steps, sigma_min, sigma_max, c=1.0)
    if name == "vp-linear":
        return _vp_linear(steps, sigma_min, sigma_max)
    if family in ("polynomial", "tangent") and number:
        try:
            parameter = float(number)
        except ValueError:
            raise InputError(f"{name!r}: {number!r} is not a number", key="schedule") from None
        if family == "tangent":
            return tangent(steps, sigma_min, sigma_max, c=parameter)
        return edm(steps, sigma_min, sigma_max, rho=parameter)
    raise InputError(
        f"unknown schedule {name!r}; choose exponential, polynomial-<a>, edm, cosine, tangent-<c> or "
        f"vp-linear",
        key="schedule",
    )


def _vp_linear(steps: int, sigma_min: float, sigma_max: float) -> Ladder:
    """beta(t) = b (1 + 199 t) as .1 -> 20 of 2011.13456, b and the stopping time such that sigma/a =
    sqrt(exp(int beta) - 1) runs from sigma_min to sigma_max.
    """
    start, end = math.log1p(sigma_min**2), math.log1p(sigma_max**2)
    b = end / 100.5
    delta = 2 * start / (b + math.sqrt(b**2 + 398 * b * start))  # root of b t + 199/2 b t^2 = start
    return vp_linear(steps, b, 200 * b, delta)


def exponential_constant(sigma_min: float, sigma_max: float) -> float:
    """lim N E_D / d on a point mass, exponential ladder: L^2, L = log(sigma_max/sigma_min)."""
    return math.log(sigma_max / sigma_min) ** 2


def polynomial_constant(a: float, sigma_min: float, sigma_max: float) -> float:
    """lim N E_D / d on a point mass, sigma^(1/a) uniform: 4 a^2 sinh^2(L / 2a) -> L^2 as a -> infinity."""
    return (2 * a * math.sinh(math.log(sigma_max / sigma_min) / (2 * a))) ** 2


def optimal_constant(information: Information, v_min: float, v_max: float) -> float:
    """lim N E_D of the optimal ladder: 1/4 (int sqrt(J) dv)^2."""
    panels = Panels.between(np.linspace(math.log(v_min), math.log(v_max), 2 + int(math.log(v_max / v_min))))
    v = np.exp(panels.nodes)
    return 0.25 * panels.integrate(np.sqrt(information.decay(v)) * v) ** 2


def optimal(information: Information, steps: int, sigma_min: float, sigma_max: float) -> Ladder:
    """The ladder with the least E_D of all ladders with ``steps`` steps between the two ends.

    Stationarity of sum (v_k - v_{k+1}) I(v_k) in each inner v_k is the three-term recursion

        v_{k+1} = v_k - (I(v_k) - I(v_{k-1})) / J(v_k),

    which one number, the first step, determines: the ladders that end at sigma_min are the roots of v_N as
    a function of it. A law with scales far apart may have several; the one with the least E_D is taken.
    For N(0, lambda) this gives lambda + v geometric: for a point mass the exponential schedule, exactly.
    """
    v_min, v_max = sigma_min**2, sigma_max**2

    def shoot(log_steps: Array) -> Array:
        """Ladders (steps + 1, n) that start with v_1 = v_0 exp(-step); 0 from where they fall below v_min."""
        v = [np.full_like(log_steps, v_max), v_max * np.exp(-np.exp(log_steps))]
        before = information.value(v[0])
        while len(v) <= steps:
            here, decay = information.both(np.clip(v[-1], v_min, v_max))
            v.append(np.where(v[-1] > v_min, v[-1] - (here - before) / decay, 0.0))
            before = here
        return np.array(v)

    whole = math.log(math.log(v_max / v_min))  # log of the step that jumps the whole way at once
    starts = whole - np.linspace(40.0, 0.0, max(500, SHOTS // steps))
    above = shoot(starts)[-1] > v_min
    change = np.flatnonzero(above[1:] != above[:-1])
    low = starts[change + ~above[change]]  # the neighbour whose ladder stays above v_min, and the other one
    high = starts[change + above[change]]
    fractions = np.linspace(0.0, 1.0, CUTS + 1)[:, None]
    for _ in range(ROUNDS):
        points = low + fractions * (high - low)
        last = np.argmin(shoot(points.ravel())[-1].reshape(points.shape) > v_min, axis=0)
        last = np.maximum(last, 1)  # rounding at the end that stays
        low, high = (np.take_along_axis(points, k[None], 0)[0] for k in (last - 1, last))
    found = shoot(low)
    found[-1] = v_min
    gain = (-np.diff(found, axis=0) * information.value(found[:-1])).sum(0)
    best = found[:, np.argmax(gain)]
    return from_sigmas("optimal", np.sqrt(best)[::-1].copy())


def from_sigmas(name: str, sigma: Array) -> Ladder:
    """Variance-exploding ladder through the increasing noise levels ``sigma`` (N+1,), level 0 = stop."""
    flat = np.zeros_like(sigma)
    return Ladder(name, VE, a=flat + 1, sigma=sigma, beta=flat, stop=0, step_size=1 / (len(sigma) - 1))
