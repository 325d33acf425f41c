"""Kind ``training``: gradient descent on denoising score matching, and when samples are decided."""

from typing import ClassVar

from sharpbound.chapters.base import Experiment
from sharpbound.chapters.studies import Studies
from sharpbound.chapters.training.studies.bell import Bell
from sharpbound.chapters.training.studies.descent import Descent
from sharpbound.chapters.training.studies.em import ExpectationMaximisation
from sharpbound.chapters.training.studies.floor import Floor
from sharpbound.chapters.training.studies.lazy import Lazy
from sharpbound.chapters.training.studies.regimes import Collapse, Speciation
from sharpbound.chapters.training.studies.two_gaussians import PowerIteration, TwoGaussians
from sharpbound.chapters.training.studies.weightings import Weightings


class Training(Studies):
    """One study per question; ``descent`` unless the case says another."""

    kind = "training"
    table = "training"
    studies: ClassVar[dict[str, Experiment]] = {
        "descent": Descent(),
        "lazy": Lazy(),
        "floor": Floor(),
        "bell": Bell(),
        "weightings": Weightings(),
        "power-iteration": PowerIteration(),
        "two-gaussians": TwoGaussians(),
        "em": ExpectationMaximisation(),
        "speciation": Speciation(),
        "collapse": Collapse(),
    }


__all__ = ["Training"]
