"""Kind ``training``: gradient descent on denoising score matching, and when samples are decided."""

from typing import ClassVar

from sharpbound.experiments.base import Experiment
from sharpbound.experiments.studies import Studies
from sharpbound.experiments.training.bell import Bell
from sharpbound.experiments.training.descent import Descent
from sharpbound.experiments.training.em import ExpectationMaximisation
from sharpbound.experiments.training.floor import Floor
from sharpbound.experiments.training.lazy import Lazy
from sharpbound.experiments.training.regimes import Collapse, Speciation
from sharpbound.experiments.training.two_gaussians import PowerIteration, TwoGaussians
from sharpbound.experiments.training.weightings import Weightings


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
