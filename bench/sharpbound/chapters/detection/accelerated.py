"""Mutants of the accelerated samplers of Li, Wei, Chen & Chi: one mistake in a correction, or in where noise stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sharpbound.chapters.detection.making import Mutant, formula, mutant, noise_times, ratio
from sharpbound.samplers.base import Stage, Step


def _accelerated_ode(step: Step, sign: float = 1.0, up: int = 1, root: bool = True) -> list[Stage]:
    """`accelerated-ode` with the sign of its correction, its denominator's level and a root to choose."""
    t, beta, s, ladder = step.t, step.beta, step.score, step.ladder

    def mean(y: Tensor) -> Tensor:
        score = s(t, y)
        drift = y + 0.5 * beta * score
        if t < ladder.T:
            alpha_up, beta_up = ladder.alpha(t + 1), float(ladder.beta[t + 1])
            y_up = math.sqrt(alpha_up) * (y - 0.5 * beta_up * score)
            gain = sign * beta**2 / (4 * float(ladder.beta[t + up]))
            drift = drift + gain * (score - (math.sqrt(alpha_up) if root else 1.0) * s(t + 1, y_up))
        return drift / ratio(step)

    return [Stage(mean)]


def _accelerated_li2024(
    step: Step, sign: float = 1.0, denominator: float = 8.0, divergence: float = 1.0
) -> list[Stage]:
    """`accelerated-ode-li2024` with the sign, denominator and second term of its correction to choose."""
    t, score, b = step.t, step.score, step.beta

    def mean(y: Tensor) -> Tensor:
        s = score(t, y)
        turn = (score.jacobian(t, y) @ s.unsqueeze(-1)).squeeze(-1)
        curvature = turn + divergence * score.grad_divergence(t, y)
        return (y + 0.5 * b * s - sign * b**2 / denominator * curvature) / ratio(step)

    return [Stage(mean)]


def _all_noise_last(step: Step, made: Sequence[Stage]) -> list[Stage]:
    mean = made[1].mean
    return [Stage(mean, math.sqrt(step.beta / step.alpha))]


def _twice_corrected(step: Step, made: Stage, y: Tensor) -> Tensor:
    assert callable(made.std)
    eye = torch.eye(y.shape[-1], dtype=y.dtype)
    return 2 * made.std(y) - math.sqrt(step.beta / step.alpha) * eye


ACCELERATED: tuple[Mutant, ...] = (
    mutant(
        "accelerated-ode",
        "wrong sign",
        "the correction is subtracted",
        program=formula(lambda s: _accelerated_ode(s, sign=-1.0)),
    ),
    mutant(
        "accelerated-ode",
        "index off by one",
        "the correction divides by 1 - alpha_t, not 1 - alpha_{t+1}",
        program=formula(lambda s: _accelerated_ode(s, up=0)),
    ),
    mutant(
        "accelerated-ode",
        "dropped factor",
        "sqrt(alpha_{t+1}) is missing before s_{t+1}",
        program=formula(lambda s: _accelerated_ode(s, root=False)),
    ),
    mutant(
        "accelerated-ode",
        "missing correction",
        "the look back is left out",
        program=formula(lambda s: _accelerated_ode(s, sign=0.0)),
    ),
    mutant(
        "accelerated-ddpm",
        "noise outside the root",
        "the last noise is not divided by sqrt(alpha)",
        program=noise_times(ratio),
    ),
    mutant(
        "accelerated-ddpm",
        "scaled first noise",
        "the first noise is multiplied by sqrt(alpha)",
        program=noise_times(ratio, 0),
    ),
    mutant(
        "accelerated-ddpm",
        "all noise last",
        "the noise is not split around the score evaluation",
        program=_all_noise_last,
    ),
    mutant(
        "accelerated-ode-li2024",
        "wrong sign",
        "the correction is added",
        program=formula(lambda s: _accelerated_li2024(s, sign=-1.0)),
    ),
    mutant(
        "accelerated-ode-li2024",
        "forgotten 1/2",
        "(1 - alpha)^2/4 instead of (1 - alpha)^2/8",
        program=formula(lambda s: _accelerated_li2024(s, denominator=4.0)),
    ),
    mutant(
        "accelerated-ode-li2024",
        "missing term",
        "the gradient of the divergence is left out",
        program=formula(lambda s: _accelerated_li2024(s, divergence=0.0)),
    ),
    mutant(
        "accelerated-ddpm-li2024",
        "missing correction",
        "the noise of DDPM",
        program=lambda step, made: [replace(made[0], std=math.sqrt(step.beta / step.alpha))],
    ),
    mutant(
        "accelerated-ddpm-li2024",
        "forgotten 1/2",
        "I + b grad s instead of I + (b/2) grad s",
        program=lambda step, made: [replace(made[0], std=lambda y: _twice_corrected(step, made[0], y))],
    ),
    mutant(
        "accelerated-ddpm-li2024",
        "noise outside the root",
        "the noise is not divided by sqrt(alpha)",
        program=noise_times(ratio),
    ),
)
