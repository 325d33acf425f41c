"""Small problems that the timings share."""

from __future__ import annotations

from typing import Any

from sharpbound import processes, samplers, targets

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
FORWARD = {"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}


def problem(sampler: str, T: int, target: dict[str, Any] = MIXTURE) -> tuple[Any, Any, Any]:
    """Target, ladder and sampler."""
    return targets.build(target), processes.build(FORWARD, T), samplers.build({"name": sampler})


def mixture(components: int) -> dict[str, Any]:
    """A mixture of so many equal components, two apart."""
    return {
        "family": "gaussian-mixture",
        "weights": [1 / components] * components,
        "means": [2.0 * (i - (components - 1) / 2) for i in range(components)],
        "stds": [0.4] * components,
    }
