"""Kind ``design-space``: what schedule, stochasticity and score error do to the path KL and to the output."""

from typing import ClassVar

from sharpbound.chapters.base import Experiment
from sharpbound.chapters.design_space.studies.complexity import Complexity
from sharpbound.chapters.design_space.studies.constants import Constants
from sharpbound.chapters.design_space.studies.decomposition import Decomposition
from sharpbound.chapters.design_space.studies.path_kl import PathParts
from sharpbound.chapters.design_space.studies.schedules import Schedules
from sharpbound.chapters.design_space.studies.song_or_karras import SongOrKarras
from sharpbound.chapters.studies import Studies


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
