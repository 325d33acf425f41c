"""Targets: laws of X0 whose smoothed densities and scores are known in closed form at any (a, sigma)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from sharpbound.errors import InputError
from sharpbound.targets.atoms import Atoms1D, AtomsND, Cantor, atoms
from sharpbound.targets.base import Moments, Target, Target1D
from sharpbound.targets.gaussian import Gaussian1D, GaussianND, gaussian
from sharpbound.targets.gaussian_mixture import GaussianMixtureND, gaussian_mixture
from sharpbound.targets.gaussian_mixture_line import GaussianMixture1D
from sharpbound.targets.laplace import Laplace
from sharpbound.targets.low_rank_mixture import LowRankMixture
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

    Raises InputError, naming ``target.<key>``, for an unknown family, a key the family does not
    have, a missing key, or a bad value.
    """
    if "family" not in spec:
        raise InputError(f"is missing; choose one of {', '.join(FAMILIES)}", key="target.family")
    family = spec["family"]
    if not isinstance(family, str) or family not in FAMILIES:
        raise InputError(
            f"unknown family {family!r}; choose one of {', '.join(FAMILIES)}", key="target.family"
        )
    accepted = inspect.signature(FAMILIES[family]).parameters
    given = {key: value for key, value in spec.items() if key != "family"}
    for key in given:
        if key not in accepted:
            raise InputError(f"{family} has no such key; it takes {', '.join(accepted)}", key=f"target.{key}")
    for key, parameter in accepted.items():
        if parameter.default is parameter.empty and key not in given:
            raise InputError(f"is missing; {family} takes {', '.join(accepted)}", key=f"target.{key}")
    return FAMILIES[family](**given)


FAMILIES: dict[str, Callable[..., Target]] = {
    "atoms": atoms,
    "cantor": Cantor,
    "gaussian": gaussian,
    "gaussian-mixture": gaussian_mixture,
    "laplace": Laplace,
    "low-rank-mixture": LowRankMixture,
    "product": functools.partial(product, build),
    "sphere": Sphere,
    "student-t": StudentT,
    "truncated-gaussian-mixture": TruncatedGaussianMixture,
    "uniform": Uniform,
}
"""The constructor of each family; its arguments are the keys of the case file's ``[target]`` table."""
