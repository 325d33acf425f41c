"""What a sampler's studies ask of the diffusion times that a case sweeps, and the number of steps that these take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sharpbound.bounds import MAX_STEPS
from sharpbound.errors import InputError


def swept_times(times: Sequence[float], options: dict[str, Any]) -> Sequence[float]:
    """``times``; InputError unless they increase, and each leaves room before the stopping time ``delta``."""
    if not options["delta"] > 0:
        raise InputError("must be positive", key="diffusion_time.delta")
    if times != sorted(times) or min(times) <= 2 * options["delta"]:
        raise InputError("must hold increasing times above 2 delta", key="sweep.horizon")
    return times


def step_count(length: float, options: dict[str, Any]) -> float:
    """Steps of size ``step`` in ``length``, not rounded; InputError for a step of no size and for too many of them."""
    step = options["step"]
    if not step > 0:
        raise InputError("must be positive", key="diffusion_time.step")
    if not length / step <= MAX_STEPS:
        raise InputError(
            f"makes {length / step:.3g} steps; use at most {MAX_STEPS}", key="diffusion_time.step"
        )
    return float(length / step)
