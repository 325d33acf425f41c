"""Learning two Gaussians by gradient descent on the DDPM loss (Shah, Chen & Klivans 2307.01178).

Data 1/2 N(mu, I) + 1/2 N(-mu, I); after Ornstein-Uhlenbeck time t the centres are mu_t = mu e^-t and the
score is tanh(<mu_t, x>) mu_t - x. The student has the same form with theta in place of mu_t, so that

    L(theta) = E |tanh(<theta, x>) theta - tanh(<mu_t, x>) mu_t|^2.

Everything depends on x through the plane of theta and mu_t: the population loss, its gradient and the EM
map are two-dimensional integrals, computed here by the trapezoidal rule (exponentially accurate for
analytic integrands on the whole plane). By x -> -x, expectations may be taken under N(mu_t, I) alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpbound.errors import InputError

Array = NDArray[np.float64]

REACH = 9.0
"""Half width of the grids in standard deviations: the mass beyond is 1e-19."""
STEEPEST = 40.0
"""Largest |theta| and |mu_t|: beyond, the grids become too large, and tanh is a sign to all digits."""


def _grid(slope: float) -> tuple[Array, Array]:
    """Trapezoidal nodes and weights of N(0, 1) for integrands with tanh(slope x).

    The pole of tanh at pi/2 / slope leaves an error of exp(-pi^2/(slope step)): 1e-16 for a step of .27/slope.
    """
    if slope > STEEPEST:
        raise InputError(
            f"centres or iterates as far as {slope:.3g} from the origin need too fine a grid; keep them within "
            f"{STEEPEST:g}",
            key="training.R",
        )
    step = min(0.4, 0.26 / max(slope, 1e-3))
    count = int(np.ceil(REACH / step))
    nodes = step * np.arange(-count, count + 1, dtype=np.float64)
    return nodes, np.exp(-0.5 * nodes**2) * (step / math.sqrt(2 * math.pi))


def _expectation(theta: Array, mu: Array) -> tuple[Array, Array, Array]:
    """Basis (k, d) of the span of mu and theta, k <= 2, coordinates of x (k, G) in it, and probability weights
    (G,), for x ~ N(mu, I).
    """
    basis: list[Array] = []
    for vector in (mu, theta):
        rest = vector - sum(((b @ vector) * b for b in basis), np.zeros_like(vector))
        if np.linalg.norm(rest) > 1e-14 * max(float(np.linalg.norm(vector)), 1e-300):
            basis.append(rest / np.linalg.norm(rest))
    axes = np.array(basis)
    # along each axis the integrand is as steep as the larger of the two components
    grids = [_grid(float(max(abs(axis @ theta), abs(axis @ mu)))) for axis in axes]
    z = np.array([g.ravel() for g in np.meshgrid(*(nodes for nodes, _ in grids), indexing="ij")])
    weight = grids[0][1]
    for _, more in grids[1:]:
        weight = np.outer(weight, more).ravel()
    return axes, z + (axes @ mu)[:, None], weight


def loss(theta: Array, mu: Array) -> float:
    """E |tanh(<theta, x>) theta - tanh(<mu, x>) mu|^2 at centres ``mu`` = mu_t, both of shape (d,)."""
    basis, x, weight = _expectation(theta, mu)
    u, w = np.tanh((basis @ theta) @ x), np.tanh((basis @ mu) @ x)
    return float(weight @ (u**2 * (theta @ theta) - 2 * u * w * (theta @ mu) + w**2 * (mu @ mu)))


def gradient(theta: Array, mu: Array) -> Array:
    """Exact population gradient of `loss` in theta, shape (d,).

    As theta -> 0 it goes over into -4 <theta, mu> mu: descent is then a power iteration on mu mu^T.
    """
    basis, x, weight = _expectation(theta, mu)
    u, w = np.tanh((basis @ theta) @ x), np.tanh((basis @ mu) @ x)
    through_u = 2 * (1 - u**2) * (u * (theta @ theta) - w * (theta @ mu))
    return (x @ (weight * through_u)) @ basis + 2 * (weight @ u**2) * theta - 2 * (weight @ (u * w)) * mu


def em_step(theta: Array, mu: Array) -> Array:
    """Population EM: theta -> E[tanh(<theta, x>) x]. Its fixed points with <theta, mu> != 0 are +-mu.

    By Stein's identity E[tanh(<theta, x>) x] = theta - E[u^2] theta + E[u w] mu, u and w the two tanh, so that

        gradient(theta) = 2 (theta - em_step(theta)) + 2 E[(1 - u^2)(u |theta|^2 - w <theta, mu>) x]:

    descent with step 1/2 is EM but for a term that vanishes like exp(-|mu|^2/2) as the classes part.
    """
    basis, x, weight = _expectation(theta, mu)
    return (x @ (weight * np.tanh((basis @ theta) @ x))) @ basis


@dataclass(frozen=True)
class Learning:
    """Iterates (iterations + 1, d) of gradient descent towards ``centre`` = mu_t."""

    iterates: Array
    centre: Array

    @property
    def tangents(self) -> Array:
        """|component orthogonal to mu| / |component along mu|: what the power iteration shrinks."""
        unit = self.centre / np.linalg.norm(self.centre)
        along = self.iterates @ unit
        return np.linalg.norm(self.iterates - along[:, None] * unit, axis=1) / np.abs(along)

    @property
    def distances(self) -> Array:
        """min(|theta - mu|, |theta + mu|): mu is identified up to its sign."""
        offsets = np.stack([self.iterates - self.centre, self.iterates + self.centre])
        return np.linalg.norm(offsets, axis=-1).min(0)


def descend(start: Array, mu: Array, time: float, step: float, iterations: int) -> Learning:
    """Gradient descent on the population DDPM loss at diffusion time ``time``."""
    centre = mu * np.exp(-time)
    iterates = [np.asarray(start, dtype=np.float64)]
    for _ in range(iterations):
        iterates.append(iterates[-1] - step * gradient(iterates[-1], centre))
    return Learning(np.array(iterates), centre)


def curvatures(centre: Array) -> tuple[float, float]:
    """Eigenvalues of the loss's Hessian at the truth theta = ``centre``: along it, and orthogonal to it.

    Central differences of the exact gradient, with an error of the square of the step.
    """
    unit = centre / np.linalg.norm(centre)
    axis = np.eye(len(centre))[int(np.argmin(np.abs(unit)))]
    across = axis - (axis @ unit) * unit
    found = []
    for direction in (unit, across / np.linalg.norm(across)):
        step = 1e-4 * direction
        found.append(
            float((gradient(centre + step, centre) - gradient(centre - step, centre)) @ direction) / 2e-4
        )
    return found[0], found[1]
