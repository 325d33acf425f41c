"""A law in R^d as independent coordinates on the line."""

from __future__ import annotations

import numpy as np

from sharpbound.errors import InputError
from sharpbound.targets import Gaussian1D, GaussianND, LowRankMixture, Product, Target, Target1D


def own_coordinates(target: Target) -> list[tuple[Target1D, int]] | None:
    """`line_parts` where those are coordinates of R^d themselves, not of some other basis; None elsewhere."""
    if isinstance(target, GaussianND):
        cov = target.cov.numpy()
        if np.count_nonzero(cov) > np.count_nonzero(np.diagonal(cov)):
            return None
    try:
        return line_parts(target)
    except InputError:
        return None


def line_parts(target: Target) -> list[tuple[Target1D, int]]:
    """The independent laws on the line that ``target`` is made of, with how often each occurs."""
    if isinstance(target, Target1D):
        return [(target, 1)]
    if isinstance(target, Product):
        return list(target.counts)
    if isinstance(target, LowRankMixture) and isinstance(target.core, Target1D):
        rest = [(Gaussian1D(0.0, target.std**2), target.dim - 1)] if target.dim > 1 else []
        return [(target.core, 1), *rest]
    if isinstance(target, GaussianND):
        mean, variances = target.mean.numpy(), np.diagonal(target.cov.numpy())
        if np.count_nonzero(target.cov.numpy()) > np.count_nonzero(variances):
            variances, basis = np.linalg.eigh(target.cov.numpy())
            mean = basis.T @ mean
        along = np.stack([mean, variances], axis=1)
        distinct, counts = np.unique(along, axis=0, return_counts=True)
        return [(Gaussian1D(float(m), float(v)), int(n)) for (m, v), n in zip(distinct, counts, strict=True)]
    raise InputError(
        f"score errors act on independent coordinates; {target.family} in d = {target.dim} has none: use a "
        "target on the line, a product, a gaussian, or a low-rank-mixture of rank one",
        key="target.family",
    )
