"""One folder per chapter: what a case of a given kind does. ``get(kind)`` finds the experiment.

A chapter is loaded when a case of its kind is met, and no chapter imports another.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from sharpbound import foreign
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.errors import InputError
from sharpbound.libraries import loading

if TYPE_CHECKING:
    from sharpbound.suite.case import Case

EXPERIMENTS: dict[str, str | Experiment] = {
    "audit": "sharpbound.chapters.audit.study:Audit",
    "sampling-rate": "sharpbound.chapters.sampling_rate.study:SamplingRate",
    "detection": "sharpbound.chapters.detection.study:Detection",
    "score-error": "sharpbound.chapters.score_error.study:ScoreError",
    "training": "sharpbound.chapters.training.study:Training",
    "design-space": "sharpbound.chapters.design_space.study:DesignSpace",
    "diffusion-time": "sharpbound.chapters.diffusion_time.study:DiffusionTime",
    "erm-failure": "sharpbound.chapters.learning.studies.erm_failure:ErmFailure",
    "discrete": "sharpbound.chapters.discrete.study:Discrete",
    "sample-complexity": "sharpbound.chapters.learning.studies.sample_complexity:SampleComplexity",
}
"""Kind of case -> its experiment, as module:class until it is needed."""

EXTRAS = {"audit": ("diffusers", "audit")}
"""Kind of case -> the package that its cases may need besides, and the extra that brings it."""


def unavailable(kind: str) -> str | None:
    """Why cases of ``kind`` that need its package cannot be measured here, or None; loads nothing."""
    package, extra = EXTRAS.get(kind, ("", ""))
    if not package or importlib.util.find_spec(package):
        return None
    return f"{package} is not installed: pip install 'sharpbound[{extra}]'"


def lacking(case: Case) -> str | None:
    """Why ``case`` cannot be measured here, or None: what this very case needs is looked at; loads nothing."""
    if foreign.is_foreign((case.audit or {}).get("scheduler")):
        return None  # a scheduler of the user's own
    return unavailable(case.kind)


def get(kind: str) -> Experiment:
    """The experiment of ``kind``; InputError names the kinds there are."""
    if kind not in EXPERIMENTS:
        raise InputError(
            f"unknown kind {kind!r}; choose one of {', '.join(sorted(EXPERIMENTS))}", key="case.kind"
        )
    found = EXPERIMENTS[kind]
    if isinstance(found, str):
        module, name = found.split(":")
        with loading():
            found = EXPERIMENTS[kind] = getattr(importlib.import_module(module), name)()
        assert isinstance(found, Experiment)
    return found


__all__ = ["EXPERIMENTS", "EXTRAS", "Cell", "Experiment", "get", "lacking", "unavailable"]
