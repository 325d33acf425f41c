"""Targets: laws of X0 whose smoothed densities and scores are known in closed form at any (a, sigma)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sharpbound import foreign
from sharpbound.errors import InputError, brief, did_you_mean
from sharpbound.options import made
from sharpbound.targets.atoms import Atoms1D, AtomsND, Cantor, atoms
from sharpbound.targets.base import Moments, Target, Target1D
from sharpbound.targets.density import Density1D
from sharpbound.targets.gaussian import Gaussian1D, GaussianND, gaussian
from sharpbound.targets.gaussian_mixture import GaussianMixtureND, gaussian_mixture
from sharpbound.targets.gaussian_mixture_line import GaussianMixture1D
from sharpbound.targets.laplace import Laplace
from sharpbound.targets.low_rank_mixture import LowRankMixture
from sharpbound.targets.own import own_target
from sharpbound.targets.product import Product, product
from sharpbound.targets.sphere import Sphere
from sharpbound.targets.student_t import StudentT
from sharpbound.targets.truncated_gaussian_mixture import TruncatedGaussianMixture
from sharpbound.targets.uniform import Uniform

__all__ = [
    "FAMILIES",
    "Atoms1D",
    "AtomsND",
    "Cantor",
    "Density1D",
    "Gaussian1D",
    "GaussianMixture1D",
    "GaussianMixtureND",
    "GaussianND",
    "Laplace",
    "LowRankMixture",
    "Moments",
    "Product",
    "Sphere",
    "StudentT",
    "Target",
    "Target1D",
    "TruncatedGaussianMixture",
    "Uniform",
    "build",
]


def build(spec: Mapping[str, Any]) -> Target:
    """The target that a ``[target]`` table describes: ``{"family": ..., parameters}``.

    The family may be the user's own, "module:object": a subclass of Target, or a function that returns one.
    Raises InputError, naming ``target.<key>``, for an unknown family, keys the family does not
    have, missing keys, bad values, and for what is wrong with the user's own.
    """
    if "family" not in spec:
        raise InputError(f"is missing; choose one of {', '.join(FAMILIES)}", key="target.family")
    family = spec["family"]
    given = {key: value for key, value in spec.items() if key not in ("family", foreign.STAMP)}
    if foreign.is_foreign(family):
        return own_target(family, spec.get(foreign.STAMP), given)
    if not isinstance(family, str) or family not in FAMILIES:
        meant = did_you_mean(str(family), FAMILIES)
        raise InputError(f"unknown family {brief(family)}{meant}", key="target.family")
    target: Target = made(FAMILIES[family], given, name="target", who=family)
    return target


def _product(factor: Any = None, dim: Any = None, factors: Any = None) -> Product:
    """``dim`` copies of the target table ``factor``, or one table per coordinate in ``factors``."""
    return product(build, factor, dim, factors)


FAMILIES: dict[str, Callable[..., Target]] = {
    "atoms": atoms,
    "cantor": Cantor,
    "gaussian": gaussian,
    "gaussian-mixture": gaussian_mixture,
    "laplace": Laplace,
    "low-rank-mixture": LowRankMixture,
    "product": _product,
    "sphere": Sphere,
    "student-t": StudentT,
    "truncated-gaussian-mixture": TruncatedGaussianMixture,
    "uniform": Uniform,
}
"""The constructor of each family; its arguments are the keys of the case file's ``[target]`` table."""
