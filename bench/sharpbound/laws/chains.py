"""Which engine finds the KL divergence between the true reverse chain and the sampler's (`sharpbound.laws.path_kl`)."""

from __future__ import annotations

from typing import NamedTuple

from sharpbound.distances.base import FloorKind, Measured, worst
from sharpbound.errors import NotMeasured
from sharpbound.laws.base import ChainEngine, Declined, Problem, first_willing, no_sphere
from sharpbound.laws.gaussian import NotAffine
from sharpbound.laws.path_kl import check_chain, gaussian_path, line_path, sphere_path
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ScoreField
from sharpbound.targets import Gaussian1D, GaussianND, Sphere, Target, Target1D


class GaussianChain(ChainEngine):
    name = "path-gaussian"
    about = "Gaussian targets in any d, score error affine: closed form"

    def refuses(self, problem: Problem) -> str | None:
        return None if isinstance(problem.target, (Gaussian1D, GaussianND)) else "the target is not Gaussian"

    def solve(self, problem: Problem) -> Measured:
        try:
            return gaussian_path(
                problem.target, problem.ladder, problem.sampler, problem.score, problem.start
            )
        except NotAffine as reason:
            raise Declined(str(reason)) from None


class LineChain(ChainEngine):
    name = "path-line"
    about = "on the line: quadrature under each true marginal"

    def refuses(self, problem: Problem) -> str | None:
        return None if isinstance(problem.target, Target1D) else "the target is not on the line"

    def solve(self, problem: Problem) -> Measured:
        assert isinstance(problem.target, Target1D)
        return line_path(problem.target, problem.ladder, problem.sampler, problem.score, problem.start)


class SphereChain(ChainEngine):
    name = "path-sphere"
    about = "spheres with the exact score: quadrature over the radius"

    def refuses(self, problem: Problem) -> str | None:
        return no_sphere(problem)

    def solve(self, problem: Problem) -> Measured:
        assert isinstance(problem.target, Sphere)
        return sphere_path(problem.target, problem.ladder, problem.sampler, problem.start)


class IndependentChains(ChainEngine):
    name = "path-parts"
    about = "independent coordinates, score error in each of its own: the sum over coordinates"

    def refuses(self, problem: Problem) -> str | None:
        return (
            "the coordinates are not known to be independent under this score"
            if problem.parts() is None
            else None
        )

    def solve(self, problem: Problem) -> Measured:
        found = [(solve(part).measured, count) for part, count in problem.parts() or []]
        kinds: list[FloorKind] = [kl.kind for kl, _ in found]
        return Measured(
            sum(n * kl.value for kl, n in found), sum(n * kl.floor for kl, n in found), worst(kinds)
        )


CHAIN_ENGINES: tuple[ChainEngine, ...] = (
    GaussianChain(),
    LineChain(),
    SphereChain(),
    IndependentChains(),
)
"""In the order in which they are asked."""


class Chain(NamedTuple):
    """The divergence of a chain, and the engine that found it."""

    measured: Measured
    engine: str


def solve(problem: Problem) -> Chain:
    """The divergence by the first engine that takes the problem; NotMeasured with their reasons if none does."""
    check_chain(problem.ladder, problem.sampler, problem.score)
    if not isinstance(problem.init, str):
        raise NotMeasured("the start is a law of its own")
    engine, found = first_willing(
        CHAIN_ENGINES, lambda engine: engine.refuses(problem), lambda engine: engine.solve(problem)
    )
    return Chain(found, engine.name)


def path_kl(
    target: Target, ladder: Ladder, sampler: Sampler, score: ScoreField, init: str = "normal"
) -> Measured:
    """Path-space KL of the sampler's chain, in nats; exact up to quadrature and rounding.

    Closed form for Gaussian targets with an affine score (any d), quadrature under p_t for laws on the line and,
    along a ray, for spheres with the exact score; sums for independent coordinates.

    Raises InputError for samplers whose steps are not one noisy stage, NotMeasured for other problems.
    """
    return solve(Problem(target, ladder, sampler, score, init)).measured
