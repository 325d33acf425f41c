"""Which engine finds the law of an output: the only place that chooses one.

`ENGINES` are asked in order, and the first that does not refuse finds the law; every law says by ``engine`` which it
was. An engine may rely on the exact score only where the score says that it is the target's own (`Problem.exact`),
and on independent coordinates only where the score keeps them apart (`Problem.parts`): all others evaluate the score
that they are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sharpbound.distances.base import Law
from sharpbound.distances.low_rank import SampledCore
from sharpbound.distances.products import ProductLaw
from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import NotMeasured
from sharpbound.laws.base import Declined, Engine, Problem, Solve, first_willing, no_sphere
from sharpbound.laws.density import density_law
from sharpbound.laws.gaussian import NotAffine, gaussian_law
from sharpbound.laws.grid import grid_laws
from sharpbound.laws.kept_parts import solved_once
from sharpbound.laws.particles import particle_law
from sharpbound.laws.qmc import qmc_law
from sharpbound.laws.radial import radial_law
from sharpbound.laws.radial_density import radial_density_law
from sharpbound.laws.resolving import Resolving
from sharpbound.laws.tensor import tensor_law
from sharpbound.laws.transport import StartLaw, transport_law
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ExactScore, ScoreField
from sharpbound.targets import Gaussian1D, GaussianND, LowRankMixture, Product, Sphere, Target1D


class Gaussian(Engine):
    name = "gaussian"
    about = "Gaussian targets in any d, score error affine: mean and covariance, in closed form"

    def refuses(self, problem: Problem) -> str | None:
        if not isinstance(problem.target, (Gaussian1D, GaussianND)):
            return "the target is not Gaussian"
        return _named_start(problem)

    def solve(self, problem: Problem, solve: Solve) -> Law:
        try:
            return gaussian_law(*_asked(problem))
        except NotAffine as reason:
            raise Declined(str(reason)) from None


class Products(Engine):
    name = "product"
    about = "products, score error in each coordinate of its own: a law on the line for each different factor"

    def refuses(self, problem: Problem) -> str | None:
        if not isinstance(problem.target, Product):
            return "the target is no product"
        return _named_start(problem) or _coupled(problem)

    def solve(self, problem: Problem, solve: Solve) -> Law:
        return _product(problem, solve)


class Transport(Engine):
    name = "transport"
    about = "on the line, deterministic samplers: the start carried along by the map and its derivative"

    def refuses(self, problem: Problem) -> str | None:
        return _not_on_the_line(problem) or _stochastic(problem)

    def solve(self, problem: Problem, solve: Solve) -> Law:
        return transport_law(*_on_the_line(problem))


class Grid(Engine):
    name = "grid"
    about = (
        "on the line, stochastic samplers, score with an error field: densities on panels laid by the field"
    )

    def refuses(self, problem: Problem) -> str | None:
        if problem.score.field is None:
            return "the score has no error field to lay panels by"
        return (
            _not_on_the_line(problem) or _deterministic(problem) or _memory(problem) or _named_start(problem)
        )

    def solve(self, problem: Problem, solve: Solve) -> Law:
        target, ladder, sampler, score, init = _on_the_line(problem)
        try:
            return grid_laws(target, ladder, sampler, [score], score.field, init)[0]
        except NotMeasured as reason:
            raise Declined(str(reason)) from None


class Density(Engine):
    name = "density"
    about = "on the line, stochastic samplers: log density pushed through one transition after another"

    def refuses(self, problem: Problem) -> str | None:
        return _not_on_the_line(problem) or _deterministic(problem) or _memory(problem)

    def solve(self, problem: Problem, solve: Solve) -> Law:
        target, *rest = _on_the_line(problem)
        field = problem.score.field
        return density_law(Resolving(target, field) if field else target, *rest)


class LowRank(Engine):
    name = "low-rank"
    about = "low-rank mixtures: the law in the subspace of the means times equal Gaussian coordinates"

    def refuses(self, problem: Problem) -> str | None:
        if not isinstance(problem.target, LowRankMixture):
            return "the target is no low-rank mixture"
        reason = _named_start(problem) or _memory(problem)
        if reason is None and problem.target.k > 1 and not problem.exact:
            return "the score is not exact, and the means span more than a line"
        return reason or (_coupled(problem) if problem.target.k == 1 else None)

    def solve(self, problem: Problem, solve: Solve) -> Law:
        target = problem.target
        assert isinstance(target, LowRankMixture)
        if target.k == 1:
            return _product(problem, solve)

        def exact(part: Any) -> Problem:
            return replace(problem, target=part, score=ExactScore(part, problem.ladder))

        try:
            rest = gaussian_law(*_asked(exact(Gaussian1D(0.0, target.std**2))))
        except NotAffine:
            raise NotMeasured(
                f"{problem.sampler.name} is a mixture of transitions, and the means span {target.k} dimensions: "
                "use another sampler"
            ) from None
        core: Any = solve(exact(target.core))
        return SampledCore(core, rest, target.dim - target.k, f"low-rank with {core.engine}")


class Radial(Engine):
    name = "radial"
    about = "spheres, exact score, deterministic samplers: transport of the radius"

    def refuses(self, problem: Problem) -> str | None:
        return no_sphere(problem) or _stochastic(problem) or _named_start(problem)

    def solve(self, problem: Problem, solve: Solve) -> Law:
        assert isinstance(problem.target, Sphere)
        return radial_law(problem.target, problem.ladder, problem.sampler, problem.start)


class RadialDensity(Engine):
    name = "radial-density"
    about = "spheres, exact score, stochastic samplers: density of the radius, pushed on"

    def refuses(self, problem: Problem) -> str | None:
        return no_sphere(problem) or _deterministic(problem) or _memory(problem) or _named_start(problem)

    def solve(self, problem: Problem, solve: Solve) -> Law:
        assert isinstance(problem.target, Sphere)
        return radial_density_law(problem.target, problem.ladder, problem.sampler, problem.start)


class Tensor(Engine):
    name = "tensor"
    about = "the plane, deterministic samplers: log-ratios at tensor Gauss-Legendre nodes of the start"

    def refuses(self, problem: Problem) -> str | None:
        if problem.target.dim != 2:
            return "a tensor rule is for the plane"
        return _stochastic(problem) or _named_start(problem)

    def solve(self, problem: Problem, solve: Solve) -> Law:
        try:
            return tensor_law(*_asked(problem))
        except NotMeasured as reason:
            raise Declined(str(reason)) from None


class QuasiMonteCarlo(Engine):
    name = "qmc"
    about = "R^d, deterministic samplers: log-ratios at quasi-Monte Carlo points with exact log-determinants"

    def refuses(self, problem: Problem) -> str | None:
        return _stochastic(problem) or _named_start(problem)

    def solve(self, problem: Problem, solve: Solve) -> Law:
        return qmc_law(*_asked(problem))


class Particles(Engine):
    name = "particles"
    about = "anything that runs: the sampler on 10^5 points, W1 and W2 alone"
    sampled = True

    def refuses(self, problem: Problem) -> str | None:
        return _named_start(problem)

    def solve(self, problem: Problem, solve: Solve) -> Law:
        return particle_law(*_asked(problem))


ENGINES: tuple[Engine, ...] = (
    Gaussian(),
    Products(),
    Transport(),
    Grid(),
    Density(),
    LowRank(),
    Radial(),
    RadialDensity(),
    Tensor(),
    QuasiMonteCarlo(),
    Particles(),
)
"""In the order in which they are asked."""


def solve(problem: Problem, *, sampled: bool = True, engines: Sequence[Engine] = ENGINES) -> Law:
    """The law by the first engine that takes the problem; without ``sampled``, by one that holds densities.

    Raises NotMeasured with every engine's reason where none takes it.
    """

    def refuses(engine: Engine) -> str | None:
        return "holds no densities" if engine.sampled and not sampled else engine.refuses(problem)

    engine, law = first_willing(engines, refuses, lambda engine: engine.solve(problem, solve))
    return law if law.engine else _by(engine, law)


def line_law(
    target: Target1D, ladder: Ladder, sampler: Sampler, score: ScoreField, init: str | StartLaw = "normal"
) -> Ratio1D:
    """The law by the engines of the line, also where a Gaussian one is known in closed form: a second route."""
    law = solve(Problem(target, ladder, sampler, score, init), engines=(Transport(), Density()))
    assert isinstance(law, Ratio1D)
    return law


def laws_beside(problem: Problem, scores: Sequence[ScoreField]) -> list[Law]:
    """The laws of a problem on the line with each of ``scores``, which differ by the error field of its own.

    All are found in one way, and panels are laid by that field for all of them alike, so that the laws can be
    compared node by node.
    """
    target, ladder, sampler, wrong, init = _on_the_line(problem)
    each = [replace(problem, score=score) for score in scores]
    if wrong.affine and Gaussian().refuses(problem) is None:
        return [solve(one, engines=(Gaussian(),)) for one in each]
    if wrong.field is None or sampler.deterministic:
        return [solve(one, engines=(Transport(), Density())) for one in each]
    try:
        return [_by(Grid(), law) for law in grid_laws(target, ladder, sampler, scores, wrong.field, init)]
    except NotMeasured:
        target = Resolving(target, wrong.field)
        return [_by(Density(), density_law(target, ladder, sampler, score, init)) for score in scores]


def _by(engine: Engine, law: Any) -> Law:
    """The law with the name of its engine."""
    return replace(law, engine=engine.name)


# -- what the engines ask of a problem -------------------------------------------------------------------


def _product(problem: Problem, solve: Solve) -> Law:
    """Independent coordinates; equal ones are solved once, whatever the dimension."""
    parts = problem.parts()
    assert parts is not None
    return ProductLaw.of([solved_once(part, solve) for part, _ in parts], [count for _, count in parts])


def _asked(problem: Problem) -> tuple[Any, ...]:
    return problem.target, problem.ladder, problem.sampler, problem.score, problem.start


def _on_the_line(problem: Problem) -> tuple[Any, ...]:
    return problem.target, problem.ladder, problem.sampler, problem.score, problem.init


def _named_start(problem: Problem) -> str | None:
    return None if isinstance(problem.init, str) else "the start is a law of its own"


def _not_on_the_line(problem: Problem) -> str | None:
    return None if isinstance(problem.target, Target1D) else "the target is not on the line"


def _stochastic(problem: Problem) -> str | None:
    return None if problem.sampler.deterministic else f"{problem.sampler.name} is stochastic"


def _deterministic(problem: Problem) -> str | None:
    return f"{problem.sampler.name} is deterministic" if problem.sampler.deterministic else None


def _memory(problem: Problem) -> str | None:
    if problem.sampler.history and not problem.sampler.deterministic:
        return (
            f"{problem.sampler.name} is stochastic and keeps predictions of earlier steps, so no density of its state "
            "alone can be pushed on"
        )
    return None


def _coupled(problem: Problem) -> str | None:
    return "the score is not known to keep the coordinates apart" if problem.parts() is None else None
