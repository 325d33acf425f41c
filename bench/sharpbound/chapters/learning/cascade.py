"""How large may the total variation be at score accuracy eps/sigma? A law with structure at every scale.

From D^{delta} <= eps/sigma at all noise levels from order one down to gamma the sampler's law is within
delta + eps sqrt(log 1/gamma) of the truth in TV (Gupta, Parulekar, Price & Xun, 2311.13745). The logarithm is
that of the number of scales: a law with one feature per scale lets every one of them be pushed by eps of its
own size, and K independent pushes add up to eps sqrt(K).

Here the coordinates are independent N(0, 10^{-2k}), one for each decade above gamma; at noise to signal
sigma/a the score is wrong by exactly eps/sigma along the coordinate whose scale is nearest. The error is
the same at all points, so D^delta = eps/sigma for every delta. The sampler is DDPM with the exact conditional
covariance, started from the true law: on Gaussians it has no error of its own, and its law is Gaussian.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from sharpbound import laws
from sharpbound.distances.base import Law
from sharpbound.errors import InputError
from sharpbound.processes.ladder import Ladder
from sharpbound.processes.schedules import log_snr_uniform
from sharpbound.samplers.ddpm_covariance import DDPMCovariance
from sharpbound.scores.base import ExactScore
from sharpbound.scores.shifted import PushedScore
from sharpbound.targets.gaussian import GaussianND

TOP = math.log(0.1)
"""log(a/sigma) where the sampler starts: one decade of noise above the largest coordinate."""


def scales(gamma: float) -> np.ndarray:
    """10^0, 10^-1, ..., the last above ``gamma``; InputError unless 1e-100 <= gamma < 1."""
    if not 1e-100 <= gamma < 1:
        raise InputError(f"must lie in [1e-100, 1), got {gamma:g}", key="gamma")
    return 10.0 ** -np.arange(math.ceil(-math.log10(gamma) - 1e-9), dtype=np.float64)


def cascade_ladder(gamma: float, steps: int) -> Ladder:
    """From one decade above the largest scale down to sigma/a = gamma, ``steps`` to a decade."""
    decades = (-math.log(gamma) - TOP) / math.log(10)
    return log_snr_uniform(max(1, round(steps * decades)), lambda_min=TOP, lambda_max=-math.log(gamma))


def cascade_law(gamma: float, eps: float, steps: int) -> Law:
    """The sampled law beside the true one at sigma/a = gamma."""
    ladder, std = cascade_ladder(gamma, steps), scales(gamma)
    target = GaussianND(torch.zeros(len(std), dtype=torch.float64), torch.from_numpy(np.diag(std**2)))
    noise = np.log10(ladder.sigma / ladder.a)
    # a level midway between two scales goes to the smaller one, whichever way its logarithm was rounded
    nearest = np.clip(np.floor(-noise + (0.5 + 1e-9)), 0, len(std) - 1).astype(int)
    push = np.zeros((ladder.T + 1, len(std)))
    push[np.arange(ladder.T + 1), nearest] = eps / ladder.sigma
    score = PushedScore(ExactScore(target, ladder), torch.from_numpy(push))
    return laws.output_law(target, ladder, DDPMCovariance(), score, "exact")
