"""Scores of normals and their mixtures in a few numpy operations.

An audit asks for them ten thousand times, at some hundred points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpbound.samplers.own import Score
from sharpbound.targets import Gaussian1D, GaussianMixture1D, Target1D


@dataclass(frozen=True)
class Quick:
    """What is asked of a target along a loop, with its score in few operations."""

    score: Score
    moments: Callable[[], Any]

    @classmethod
    def of(cls, target: Any) -> Any:
        """``target`` itself where it is no law on the line."""
        return cls(quick_score(target), target.moments) if isinstance(target, Target1D) else target


def quick_score(target: Target1D) -> Score:
    """``target.score``, the same up to rounding."""
    if isinstance(target, Gaussian1D):
        return normal_score(target)
    return mixture_score(target) if isinstance(target, GaussianMixture1D) else target.score


def normal_score(target: Gaussian1D) -> Score:
    """Of a normal."""
    moments = target.moments()
    mean, variance = float(moments.mean[0]), float(moments.cov[0, 0])

    def score(x: Tensor, a: float, sigma: float) -> Tensor:
        target.check(a, sigma)
        return (a * mean - x) / (a * a * variance + sigma * sigma)

    return score


def mixture_score(target: GaussianMixture1D) -> Score:
    """Of a mixture of normals."""
    parts = target.log_weights, target.means, target.variances
    log_weights, means, variances = (values.double().numpy()[:, None] for values in parts)

    def score(x: Tensor, a: float, sigma: float) -> Tensor:
        target.check(a, sigma)
        at = x.numpy().reshape(-1)
        v = a * a * variances + sigma * sigma
        distance = at - a * means
        slopes = distance / v
        log_p = log_weights - 0.5 * np.log(v) - 0.5 * distance * slopes
        p = np.exp(log_p - log_p.max(0))
        return torch.from_numpy(-(p * slopes).sum(0) / p.sum(0)).reshape(x.shape)

    return score
