"""A module of a user's who means no good, or knows no better: what a damaged case file may name."""

from __future__ import annotations

import sys

import numpy as np
import torch

from sharpbound.processes import VP, Ladder
from sharpbound.samplers import Sampler, Stage
from sharpbound.scores.perturbed import Standardised
from sharpbound.targets import Density1D, GaussianMixture1D


class Unspeakable(Exception):
    """An error that cannot be printed."""

    def __str__(self):
        raise RuntimeError("no words")


class Coloured(Exception):
    """An error whose text would move the cursor of a terminal."""

    def __str__(self):
        return "\x1b[2J\nfirst line\rsecond\u202e" + "x" * 5000


def forever(*_, **__):
    while True:
        pass


def deep(*arguments, **keys):
    return deep(*arguments, **keys)


def leaves(*_, **__):
    sys.exit(3)


def unspeakable(*_, **__):
    raise Unspeakable


def coloured(*_, **__):
    raise Coloured


def nothing(*_, **__):
    return None


def endless(*_, **__):
    while True:
        yield 1.0


def hoards(*_, **__):
    return np.empty(10**13)


def out_of_memory(*_, **__):
    raise MemoryError


def text(*_, **__):
    return "1.0"


def nan(score, x, a, sigma):
    return x * np.nan


def grows(score, x, a, sigma):
    return np.concatenate([x, x])


def complex_numbers(score, x, a, sigma):
    return x + 1j


def overwrites(score, x, a, sigma):
    x[:] = 0
    a[:] = 0
    return x


def asks_nonsense(score, x, a, sigma):
    return x + score(x[:0], np.nan, -1.0).sum() + score("x", None, sigma)


def huge(score, x, a, sigma):
    return x * 1e308 * 1e308


class Bare:
    """No sampler, target, schedule or field at all."""


class Refuses:
    """Cannot be made."""

    def __init__(self):
        raise ValueError("not today")


class Evasive:
    """Has whatever it is asked for, and it is of no use."""

    def __getattr__(self, name):
        return self if len(name) % 2 else 3


class Silent(Sampler):
    """A sampler without stages."""

    name, deterministic, nfe, order = "silent", True, 1, 1

    def stages(self, step):
        return []


class Untrue(Sampler):
    """A sampler whose stages have nothing in them that a law could use."""

    name, deterministic, nfe, order = "untrue", False, -1, 10**9

    def stages(self, step):
        return [Stage(lambda y: y.float() * torch.nan, std=-1.0), Stage(lambda y: y[:1], std=torch.inf)]


class Raising(Sampler):
    """A sampler that cannot take a step."""

    name, deterministic, nfe, order = "raising", True, 1, 1
    does = staticmethod(leaves)

    def stages(self, step):
        return self.does()


class Leaves(Raising):
    """It ends the process."""


class Unspoken(Raising):
    """It has no words for why."""

    does = staticmethod(unspeakable)


class Painted(Raising):
    """It says so in colours."""

    does = staticmethod(coloured)


class Wandering(Sampler):
    """Another sampler at each call."""

    name, deterministic, nfe, order = "wandering", True, 1, 1
    calls = 0

    def stages(self, step):
        Wandering.calls += 1
        return [Stage(lambda y: y * Wandering.calls)]


class Hollow(Density1D):
    """A density that is nowhere."""

    knots = (1.0, -1.0)

    def log_p0(self, x):
        return x * 0 - torch.inf


class Crooked(Density1D):
    """A density of another shape and type than its argument."""

    knots = (-2.0, 2.0)

    def log_p0(self, x):
        return torch.zeros(3, dtype=torch.float32)


class Heavy(Density1D):
    """A density that overflows."""

    knots = (-1e300, 1e300)

    def log_p0(self, x):
        return torch.exp(x.abs())


def no_mixture(count: int = 2):
    return GaussianMixture1D([0.0] * count, [np.nan] * count, [-1.0] * count)


def backwards(T):
    """Levels in the wrong order."""
    times = np.linspace(1.0, 0.0, T + 1)
    return ladder(T, np.exp(-times), np.sqrt(-np.expm1(-2 * times)))


def stands_still(T):
    return ladder(T, np.full(T + 1, 0.6), np.full(T + 1, 0.8))


def broken(T):
    return ladder(T, np.full(T + 3, np.nan), np.zeros(T))


def ladder(T, a, sigma):
    return Ladder(
        name="hostile", process=VP, a=a, sigma=sigma, beta=np.zeros(T + 1), stop=T + 7, step_size=0.0
    )


class Bend(Standardised):
    """An error of the score that is no number."""

    name = "bend"

    def of_z(self, z, order):
        return z / 0.0 if order else z[..., :0]


class Nought(Standardised):
    """An error of the score of no size."""

    name = "nought"

    def of_z(self, z, order):
        return z * 0


def leaks(x, conditionals, t, s):
    """Probabilities that do not sum to one."""
    return conditionals * 0.5


def negative(x, conditionals, t, s):
    return 1 - 2 * conditionals


def transposed(x, conditionals, t, s):
    return conditionals.T
