"""Targets by family. Arguments are the keys of a case file's ``[target]`` table; numbers, lists, numpy arrays and torch
tensors are all accepted. Each raises InputError, naming the argument, for what is missing or wrong.

A target X0 knows the law of a X0 + sigma W at every (a, sigma) in closed form: ``log_density(x, a, sigma)``,
``score(x, a, sigma)``, and on the line ``log_cdf``, ``quantile`` and more (`sharpbound.targets.base`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sharpbound import targets
from sharpbound.errors import InputError
from sharpbound.targets import Target, Target1D

if TYPE_CHECKING:
    from torch import Tensor


def Atoms(points: ArrayLike | Tensor, weights: ArrayLike | Tensor | None = None) -> Target:
    """sum_k w_k delta at points (K,) or (K, d); equal weights by default."""
    return _built("atoms", points=points, weights=weights)


def Cantor(level: int, low: float, high: float) -> Target:
    """The 2^level equal atoms of the level-th step of Cantor's set on [low, high]."""
    return _built("cantor", level=level, low=low, high=high)


def Gaussian(
    mean: ArrayLike | Tensor,
    std: ArrayLike | Tensor | None = None,
    cov: ArrayLike | Tensor | None = None,
    dim: int | None = None,
) -> Target:
    """N(mean, std^2), N(mean, diag std^2) or N(mean, cov); a number and ``dim`` give equal coordinates."""
    return _built("gaussian", mean=mean, std=std, cov=cov, dim=dim)


def GaussianMixture(
    weights: ArrayLike | Tensor,
    means: ArrayLike | Tensor,
    stds: ArrayLike | Tensor | None = None,
    covs: ArrayLike | Tensor | None = None,
) -> Target:
    """sum_k w_k N(m_k, s_k^2) with means (K,), or in R^d with means (K, d) and stds (K,) or covs (K, d, d)."""
    return _built("gaussian-mixture", weights=weights, means=means, stds=stds, covs=covs)


def Laplace(scale: float, loc: float = 0.0) -> Target:
    """Density exp(-|x - loc|/scale)/(2 scale)."""
    return _built("laplace", scale=scale, loc=loc)


def LowRankMixture(weights: ArrayLike | Tensor, means: ArrayLike | Tensor, std: float, dim: int) -> Target:
    """sum_k w_k N((m_k, 0), std^2 I) in R^dim, with means (K, k) in the first k coordinates."""
    return _built("low-rank-mixture", weights=weights, means=means, std=std, dim=dim)


def Product(
    factor: Target | None = None, dim: int | None = None, factors: Sequence[Target] | None = None
) -> Target:
    """``dim`` independent copies of ``factor``, or one law per coordinate in ``factors``."""
    if (factor is None) == (factors is None) or (factor is None) != (dim is None):
        raise InputError("give factor and dim, or factors", key="Product")
    if dim is not None and (isinstance(dim, bool) or not isinstance(dim, int)):
        raise InputError(f"must be a whole number, got {dim!r}", key="dim")
    laws = [factor] * (dim or 0) if factors is None else list(factors)
    places: dict[int, tuple[Target1D, list[int]]] = {}
    for i, law in enumerate(laws):
        if not isinstance(law, Target1D):
            raise InputError(
                f"must be targets on the line, such as sb.Uniform(-1, 1), not {law!r:.40}", key="factors"
            )
        places.setdefault(id(law), (law, []))[1].append(i)
    if not places:
        raise InputError("must be at least 1", key="dim")
    return targets.Product(list(places.values()))


def Sphere(radius: float, dim: int) -> Target:
    """The uniform law on the sphere of this radius in R^dim."""
    return _built("sphere", radius=radius, dim=dim)


def StudentT(nu: float, loc: float = 0.0, scale: float = 1.0) -> Target:
    """loc + scale t_nu."""
    return _built("student-t", nu=nu, loc=loc, scale=scale)


def TruncatedGaussianMixture(
    weights: ArrayLike | Tensor,
    means: ArrayLike | Tensor,
    stds: ArrayLike | Tensor,
    low: float | None = None,
    high: float | None = None,
    radius: float | None = None,
) -> Target:
    """A Gaussian mixture on the line, conditioned to [low, high] or to [-radius, radius]."""
    return _built(
        "truncated-gaussian-mixture",
        weights=weights, means=means, stds=stds, low=low, high=high, radius=radius,
    )  # fmt: skip


def Uniform(low: float, high: float) -> Target:
    """The uniform law on [low, high]."""
    return _built("uniform", low=low, high=high)


def _built(family: str, **given: Any) -> Target:
    spec = {key: _plain(value) for key, value in given.items() if value is not None}
    return targets.build({"family": family, **spec})


def _plain(value: Any) -> Any:
    """Numbers and nested lists of what may be an array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if getattr(value, "dtype", None) == "float32":  # 0.4 is meant, not 0.4000000059604645
        value = np.asarray(value).astype(str).astype(float)
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
