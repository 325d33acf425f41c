"""Kind ``diffusion-time``: how long to diffuse, for the ELBO and for the samples."""

from typing import ClassVar

from sharpbound.chapters.base import Experiment
from sharpbound.chapters.diffusion_time.studies.gap import Gap
from sharpbound.chapters.diffusion_time.studies.noise import Noise
from sharpbound.chapters.diffusion_time.studies.output import Output
from sharpbound.chapters.diffusion_time.studies.start import Start
from sharpbound.chapters.studies import Studies


class DiffusionTime(Studies):
    """One study per question; ``noise`` unless the case says another."""

    kind = "diffusion-time"
    table = "diffusion_time"
    studies: ClassVar[dict[str, Experiment]] = {
        "noise": Noise(),
        "gap": Gap(),
        "output": Output(),
        "start": Start(),
    }


__all__ = ["DiffusionTime"]
