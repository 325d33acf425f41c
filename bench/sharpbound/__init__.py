"""Sharpbound: whether a diffusion-model convergence theorem holds, and how sharp it is.

    import sharpbound as sb

    law = sb.output_law(sb.Gaussian(mean=0.7, std=0.4), sb.schedule("ou-uniform", T=64), "pf-ode")
    law.distance("tv")

What is here is loaded when it is first used: importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from sharpbound.api.families import (
        Atoms,
        Cantor,
        Gaussian,
        GaussianMixture,
        Laplace,
        LowRankMixture,
        Product,
        Sphere,
        StudentT,
        TruncatedGaussianMixture,
        Uniform,
    )
    from sharpbound.api.problem import OutputLaw, output_law, path_kl, sampler, schedule
    from sharpbound.api.verdict import cases, claims, constant, judge, measure, rate
    from sharpbound.errors import InputError, NotMeasured

_PLACES = {
    "sharpbound.api.families": (
        "Atoms Cantor Gaussian GaussianMixture Laplace LowRankMixture Product Sphere StudentT "
        "TruncatedGaussianMixture Uniform"
    ),
    "sharpbound.api.problem": "OutputLaw output_law path_kl sampler schedule",
    "sharpbound.api.verdict": "cases claims constant judge measure rate",
    "sharpbound.errors": "InputError NotMeasured",
}
_HOME = {name: module for module, names in _PLACES.items() for name in names.split()}

__all__ = [
    "Atoms",
    "Cantor",
    "Gaussian",
    "GaussianMixture",
    "InputError",
    "Laplace",
    "LowRankMixture",
    "NotMeasured",
    "OutputLaw",
    "Product",
    "Sphere",
    "StudentT",
    "TruncatedGaussianMixture",
    "Uniform",
    "__version__",
    "cases",
    "claims",
    "constant",
    "judge",
    "measure",
    "output_law",
    "path_kl",
    "rate",
    "sampler",
    "schedule",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sharpbound' has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(_HOME[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
