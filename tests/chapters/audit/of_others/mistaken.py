"""Samplers (score, x, a, sigma) that do not converge, each by a mistake of its own."""

import numpy as np


def ddim(score, x, a, sigma, eps=lambda s, sigma: -sigma * s, clean=lambda x0: x0):
    for i in range(len(a) - 1):
        e = eps(score(x, a[i], sigma[i]), sigma[i])
        x0 = clean((x - sigma[i] * e) / a[i])
        x = a[i + 1] * x0 + sigma[i + 1] * (x - a[i] * x0) / sigma[i]
    return x


def score_for_eps(score, x, a, sigma):
    return ddim(score, x, a, sigma, lambda s, sigma: s)


def wrong_sign(score, x, a, sigma):
    return ddim(score, x, a, sigma, lambda s, sigma: sigma * s)


def reversed_levels(score, x, a, sigma):
    return ddim(score, x, a[::-1], sigma[::-1])


def missing_a(score, x, a, sigma):
    return ddim(score, x, a, sigma) / a[-1]


def to_the_data(score, x, a, sigma):
    x = ddim(score, x, a, sigma)
    return (x + sigma[-1] ** 2 * score(x, a[-1], sigma[-1])) / a[-1]


def clipping(score, x, a, sigma):
    return ddim(score, x, a, sigma, clean=lambda x0: np.clip(x0, -1, 1))


def quiet(score, x, a, sigma, noise):
    """Ancestral sampling with half the noise."""
    for i in range(len(a) - 1):
        eps = -sigma[i] * score(x, a[i], sigma[i])
        r0, r1 = sigma[i] / a[i], sigma[i + 1] / a[i + 1]
        up = (r1**2 * (r0**2 - r1**2) / r0**2) ** 0.5
        x = a[i + 1] * ((x - sigma[i] * eps) / a[i] + (r1**2 - up**2) ** 0.5 * eps + 0.5 * up * noise())
    return x


def one_level_late(score, x, a, sigma):
    """Asks at the level where the step ends: of first order all the same."""
    for i in range(len(a) - 1):
        eps = -sigma[i + 1] * score(x, a[i + 1], sigma[i + 1])
        x = a[i + 1] * (x - sigma[i] * eps) / a[i] + sigma[i + 1] * eps
    return x


def exact(score, x, a, sigma):
    """The flow of a Gaussian of variance 1/4 in one step, from a single score."""
    before, after = (a[i] ** 2 / 4 + sigma[i] ** 2 for i in (0, -1))
    mean = (x + before * score(x, a[0], sigma[0])) / a[0]
    return a[-1] * mean + (after / before) ** 0.5 * (x - a[0] * mean)
