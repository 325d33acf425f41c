"""The leading term of a stochastic sampler on a Gaussian law on the line, where its kernels are affine.

A law N(m + m', v (1 + l)) beside N(m, v) has, to first order in mu = m'/sqrt(v) and l, with z = (x - m)/sqrt(v),

    R = mu z + l (z^2 - 1)/2,    F_q - F_p = -sqrt(v) p (mu + l z/2),

and errors of mean and variance go through y -> A y + b + S Z as m' -> A m', (v l) -> A^2 (v l).
"""

from __future__ import annotations

import math

import numpy as np

from sharpbound.errors import NotMeasured
from sharpbound.laws.base import Problem
from sharpbound.laws.gaussian import Marginals, NotAffine, affine_path
from sharpbound.laws.leading.line import Weights
from sharpbound.laws.leading.response import LineResponse
from sharpbound.numerics.quadrature import Panels


def gaussian_response(problem: Problem, panels: Panels, weights: Weights) -> list[LineResponse]:
    """The leading terms from the exact start, at the nodes of ``panels``, one for each of the ``weights``.

    Raises NotMeasured for samplers that keep predictions, and for mixtures of transitions.
    """
    if problem.sampler.history:
        raise NotMeasured(f"{problem.sampler.name} is stochastic and keeps predictions of earlier steps")
    moments, ladder = problem.target.moments(), problem.ladder
    law = Marginals(moments.mean.numpy(), np.diagonal(moments.cov.numpy()).copy())
    mean_error, var_error = np.zeros(1), np.zeros(1)  # of each of the weights
    try:
        for t, stages in affine_path(law, ladder, problem.sampler, problem.score):
            cov = law.cov(*ladder.level(t))
            for stage in stages:
                mean_error, var_error = stage.gain * mean_error, stage.gain**2 * var_error
                cov = stage.gain**2 * cov + stage.noise
            below, factors = ladder.level(t - 1), np.array(weights(t))
            mean_error = mean_error + factors * (stages[-1].image - law.mean(below[0]))
            var_error = var_error + factors * (cov - law.cov(*below))
    except NotAffine as reason:
        raise NotMeasured(str(reason)) from None
    stop = ladder.level(ladder.stop)
    var = float(law.cov(*stop)[0])
    std = math.sqrt(var)
    z = (panels.nodes - float(law.mean(stop[0])[0])) / std
    scaled = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    return [
        LineResponse(
            panels, scaled / std, mu * z + 0.5 * spread * (z**2 - 1), -scaled * (mu + 0.5 * spread * z)
        )
        for mu, spread in zip(mean_error / std, var_error / var, strict=True)
    ]
