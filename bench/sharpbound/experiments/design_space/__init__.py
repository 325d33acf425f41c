"""Kind ``design-space``: what schedule, stochasticity and score error do to the path KL and to the output."""

from typing import ClassVar

from sharpbound.experiments.base import Experiment
from sharpbound.experiments.design_space.complexity import Complexity
from sharpbound.experiments.design_space.constants import Constants
from sharpbound.experiments.design_space.decomposition import Decomposition
from sharpbound.experiments.design_space.path_kl import PathParts
from sharpbound.experiments.design_space.schedules import Schedules
from sharpbound.experiments.design_space.song_or_karras import SongOrKarras
from sharpbound.experiments.studies import Studies


class DesignSpace(Studies):
    """One study per question; ``path-kl`` unless the case says another."""

    kind = "design-space"
    table = "design"
    studies: ClassVar[dict[str, Experiment]] = {
        "path-kl": PathParts(),
        "constants": Constants(),
        "complexity": Complexity(),
        "decomposition": Decomposition(),
        "schedules": Schedules(),
        "song-or-karras": SongOrKarras(),
    }


__all__ = ["DesignSpace"]
