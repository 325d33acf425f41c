"""Each engine against a second route: ``python docs/second_routes.py`` writes reports/published/routes.json.

The second routes are other engines that share no code with the first, and brute force on uniform grids
(tests/oracle/line_oracle.py), which imports nothing of the package. What is written is what was measured; the page of
engines in a report prints it, and a test measures the cheapest again. Takes a minute.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sharpbound import processes, samplers, scores, targets
from sharpbound.chapters.discrete import divergences, process
from sharpbound.chapters.discrete import laws as discrete_laws
from sharpbound.chapters.discrete import samplers as discrete_samplers
from sharpbound.chapters.discrete import targets as discrete_targets
from sharpbound.chapters.discrete.chain import Chain
from sharpbound.chapters.discrete.masked import counts, profile
from sharpbound.chapters.discrete.masked import law as unmasking
from sharpbound.chapters.discrete.masked.marginals import Marginals
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.distances.base import Law, Measured
from sharpbound.laws import chains, engines
from sharpbound.laws.base import Problem
from sharpbound.laws.density import density_law
from sharpbound.laws.resolving import Resolving
from sharpbound.records.files import strict_json, write_atomically
from sharpbound.scores.base import ExactScore
from sharpbound.scores.perturbed import PerturbedScore

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "reports" / "published" / "routes.json"
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
import line_oracle as oracle  # noqa: E402 - of the tests' own folder

OU: dict[str, Any] = {"schedule": "ou-uniform", "horizon": 1.5, "delta": 0.1}
NORMAL = {"family": "gaussian", "mean": 0.7, "std": 0.4}
MODES = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
T = 12
ROUNDING = 1e-14
"""Relative rounding of sums of a few thousand terms."""
Route = dict[str, Any]


def problem(target: dict[str, Any], sampler: str) -> Problem:
    """A sampler of T steps on the Ornstein-Uhlenbeck ladder, from the exact start."""
    built, ladder = targets.build(target), processes.build(OU, T)
    return Problem(built, ladder, samplers.build({"name": sampler}), ExactScore(built, ladder), "exact")


def by(name: str, one: Problem) -> Law:
    """The law by one engine."""
    found = [engine for engine in engines.ENGINES if engine.name == name]
    return engines.solve(one, engines=(*found, *engines.ENGINES) if name == "product" else found)


def compared(
    engine: str, what: str, route: str, law: Law, other: Law | dict[str, float], *metrics: str
) -> Iterator[Route]:
    """One line for each metric: the value, how far the second route is from it, and both floors."""
    for metric in metrics:
        one = _measured(law.distance(metric))
        second = other[metric] if isinstance(other, dict) else _measured(other.distance(metric))
        yield line(engine, what, route, metric, one, second)


def engines_on(
    engine: str, other: str, one: Problem, what: str, *metrics: str, of: str = ""
) -> Iterator[Route]:
    """The law of one problem by two engines; ``of``: what is said of the second."""
    return compared(engine, what, f"the engine {other}{of}", by(engine, one), by(other, one), *metrics)


def line(engine: str, what: str, route: str, metric: str, one: Measured, second: Measured | float) -> Route:
    value, floor = (second.value, second.floor) if isinstance(second, Measured) else (second, None)
    return {
        "engine": engine, "problem": what, "route": route, "metric": metric, "value": one.value,
        "difference": abs(one.value - value), "floor": one.floor, "floor_of_route": floor,
    }  # fmt: skip


def _measured(found: Any) -> Measured:
    if not isinstance(found, Measured):
        raise found
    return found


def on_the_line() -> Iterator[Route]:
    """gaussian, transport, density, grid: engines of the line, and brute force."""
    for sampler, other in (("ddim", "transport"), ("ddpm", "density")):
        what = f"N(0.7, 0.4^2), {sampler}, T = {T}"
        yield from engines_on("gaussian", other, problem(NORMAL, sampler), what, "tv", "kl", "w2")
    marginal, levels = (
        oracle.Mixture([0.4, 0.6], [-1.0, 1.2], [0.35, 0.5]),
        oracle.levels("ou-uniform", T, horizon=1.5, delta=0.1),
    )
    for engine, sampler, brute in (
        ("transport", "heun", oracle.transported),
        ("density", "ddpm", oracle.diffused),
    ):
        what = f"two-mode mixture, {sampler}, T = {T}"
        route = (
            "brute force: a uniform grid of starts and differences"
            if engine == "transport"
            else "brute force: trapezoidal sums of the kernel"
        )
        found = brute(marginal, levels, "vp", sampler, "exact")
        yield from compared(
            engine, what, route, by(engine, problem(MODES, sampler)), found, "tv", "kl", "w1", "w2"
        )
    one = problem(MODES, "ddpm")
    (part,) = scores.build({"field": "fourier", "omega": 2.0, "eps": 0.2}, one.target, one.ladder).parts
    assert part.error is not None
    wrong = replace(one, score=PerturbedScore(ExactScore(one.target, one.ladder), part.error))
    other = density_law(
        Resolving(wrong.target, part.error), wrong.ladder, wrong.sampler, wrong.score, "exact"
    )
    what = f"two-mode mixture, score off by a wave, ddpm, T = {T}"
    yield from compared("grid", what, "the engine density", by("grid", wrong), other, "tv", "kl", "w2")


def in_space() -> Iterator[Route]:
    """Products, low rank, spheres, the plane, samples."""
    line_in_plane = {
        "family": "low-rank-mixture", "weights": [0.4, 0.6], "means": [[-1.0], [1.2]], "std": 0.5, "dim": 2
    }  # fmt: skip
    for engine, target, what in (
        ("product", {"family": "product", "factor": MODES, "dim": 2}, "square of a mixture"),
        ("low-rank", line_in_plane, "means on a line in the plane"),
        ("radial", {"family": "sphere", "radius": 1.5, "dim": 2}, "circle"),
    ):
        one, told = problem(target, "ddim"), f"{what}, ddim, T = {T}"
        yield from engines_on(engine, "tensor", one, told, "tv", "kl", of=", in the plane")
    small, point = (
        problem(target | {"dim": 4}, "ddpm")
        for target in ({"family": "sphere", "radius": 1e-9}, {"family": "gaussian", "mean": 0.0, "std": 0.0})
    )
    what = f"sphere of no radius in R^4, ddpm, T = {T}"
    laws = by("radial-density", small), by("gaussian", point)
    yield from compared("radial-density", what, "the engine gaussian, of a point", *laws, "tv", "kl", "w2")
    for engine, target, what in (
        ("tensor", {"family": "product", "factors": [MODES, NORMAL]}, "mixture times normal"),
        ("qmc", {"family": "product", "factor": MODES, "dim": 3}, "cube of a mixture"),
    ):
        one = problem(target, "ddim")
        yield from engines_on(engine, "product", one, f"{what}, ddim, T = {T}", "tv", "kl")
    one = problem(MODES, "ddpm")
    yield from engines_on("particles", "density", one, f"two-mode mixture, ddpm, T = {T}", "w1", "w2")


def chains_of_steps() -> Iterator[Route]:
    """Path-space KL: closed forms, quadrature, and the chain rule over pairs of neighbours."""
    one = problem(NORMAL, "ddpm")
    closed, quadrature = (_chain(name, one) for name in ("path-gaussian", "path-line"))
    yield line(
        "path-gaussian",
        f"N(0.7, 0.4^2), ddpm, T = {T}",
        "the engine path-line",
        "path-kl",
        closed,
        quadrature,
    )
    one = replace(problem(MODES, "ddpm"), init="normal")
    yield line(
        "path-line",
        f"two-mode mixture, ddpm, T = {T}",
        "Fisher informations on a uniform grid",
        "path-kl",
        _chain("path-line", one),
        by_information(),
    )
    one, point = (
        problem({"family": "sphere", "radius": 1e-9, "dim": 4}, "ddpm"),
        problem({"family": "gaussian", "mean": 0.0, "std": 0.0, "dim": 4}, "ddpm"),
    )
    yield line(
        "path-sphere",
        f"sphere of no radius in R^4, ddpm, T = {T}",
        "the engine path-gaussian, of a point",
        "path-kl",
        _chain("path-sphere", one),
        _chain("path-gaussian", point),
    )
    three, whole = (
        problem(
            {
                "family": "product",
                "factor": MODES | {"weights": [1.0], "means": [0.7], "stds": [0.4]},
                "dim": 3,
            },
            "ddpm",
        ),
        problem(NORMAL | {"dim": 3}, "ddpm"),
    )
    yield line(
        "path-parts",
        f"cube of N(0.7, 0.4^2), ddpm, T = {T}",
        "the engine path-gaussian, in R^3",
        "path-kl",
        _chain("path-parts", three),
        _chain("path-gaussian", whole),
    )


def _chain(name: str, one: Problem) -> Measured:
    (engine,) = (engine for engine in chains.CHAIN_ENGINES if engine.name == name)
    return engine.solve(one)


def by_information() -> float:
    """KL of DDPM's chain on the mixture from N(0, I): E (X_{t-1} - m(X_t))^2 = (beta/alpha)(1 - beta I_t), so that

    KL = E log p_0 + 1/2 log 2 pi + 1/2 E X_T^2 - 1/2 sum_t (log alpha_t + beta_t I_t).
    """
    marginal, (a, sigma, _) = (
        oracle.Mixture([0.4, 0.6], [-1.0, 1.2], [0.35, 0.5]),
        oracle.levels("ou-uniform", T, horizon=1.5, delta=0.1),
    )
    y, h = np.linspace(-12, 12, 4001), 24 / 4000
    p = [np.exp(marginal.log_p(y, *level)) for level in zip(a, sigma, strict=True)]
    total = (
        h * (p[0] * np.log(np.maximum(p[0], 1e-300))).sum()
        + 0.5 * math.log(2 * math.pi)
        + 0.5 * h * (p[T] * y * y).sum()
    )
    for t in range(1, T + 1):
        alpha = (a[t] / a[t - 1]) ** 2
        information = h * (p[t] * marginal.score(y, a[t], sigma[t]) ** 2).sum()
        total -= 0.5 * (math.log(alpha) + (1 - alpha) * information)
    return float(total)


def on_finite_spaces() -> Iterator[Route]:
    """Chains against products of coordinates, and unmasking against sums over all orders."""
    factors, forward = (
        [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]],
        {"process": "uniform-ctmc", "horizon": 1.5, "delta": 0.1},
    )
    target = discrete_targets.product_of_categoricals(factors)
    found = discrete_laws.Problem(target, forward, {"name": "tau-leaping"}, T).solve()
    chain = Chain(
        Reverse(target.table(), process.build(forward, 3)),
        discrete_samplers.build({"name": "tau-leaping"}),
        T,
    )
    p, q = chain.truth(), chain.output_law()
    whole: dict[str, Callable[[], float]] = {
        metric: lambda of=of: of(p, q) for metric, of in divergences.OF_LAWS.items() if metric in ("kl", "tv")
    }
    for metric, of in (whole | {"path-kl": chain.path_kl}).items():
        one = found.value(metric)
        what = f"two independent tokens of three states, tau-leaping, T = {T}"
        yield line("product", what, "the engine chain, over all pairs of states", metric, one, of())
        yield line(
            "chain", what, "the engine product, token by token", metric, Measured(of(), one.floor), one.value
        )
    yield from unmasked()


def unmasked() -> Iterator[Route]:
    """Unmasking in blocks: all sequences, all orders, all subsets of tokens."""
    sizes = [3, 1, 4]
    target = discrete_targets.exchangeable([0.3, 0.7], [[0.9, 0.1], [0.25, 0.75]], 8)
    table = target.table()
    q = unmasking.random_order(Marginals.of(table), sizes)
    ones = counts.true_counts(target), counts.output_counts(target, sizes)
    for metric in ("kl", "tv"):
        value = counts.OF_COUNTS[metric](*ones)
        what, route = f"eight exchangeable tokens, in blocks of {sizes}", "the law of all 2^8 sequences"
        other = divergences.OF_LAWS[metric](table, q)
        yield line("counts", what, route, metric, Measured(value, ROUNDING * value), other)
    chain = discrete_targets.markov_chain(4, 2, 0.8)
    blocks = [1, 1, 2]
    q, table = all_orders(chain.table(), blocks), chain.table()
    r = unmasking.random_order(Marginals.of(table), blocks)
    for metric in ("kl", "tv"):
        value, other = (divergences.OF_LAWS[metric](table, of) for of in (r, q))
        what = f"four tokens of a chain, in blocks of {blocks}"
        yield line(
            "subsets", what, "the mean over all 4! orders", metric, Measured(value, ROUNDING * value), other
        )
    seven = discrete_targets.markov_chain(7, 3, 0.7)
    gains = profile.profile_of(seven).gains
    off = np.abs(gains - np.diff(Marginals.of(seven.table()).entropies())).max()
    most = Measured(float(gains[0]), ROUNDING * float(gains[0]))
    what = "seven tokens of a chain of three states: entropy of one more token"
    yield line(
        "profile", what, "the mean over all subsets of tokens", "entropy", most, most.value + float(off)
    )


def all_orders(table: np.ndarray, blocks: list[int]) -> np.ndarray:
    """The law of the output, block after block of a random order: tokens of a block independent given those before."""
    dim, found, orders = table.ndim, np.zeros_like(table), list(itertools.permutations(range(table.ndim)))
    for order in orders:
        q, seen = np.ones_like(table), 0
        for size in blocks:
            before, block = order[:seen], order[seen : seen + size]
            for token in block:
                rest = tuple(sorted(set(range(dim)) - {*before, token}))
                joint = table.sum(rest, keepdims=True)
                q = q * joint / joint.sum(token, keepdims=True)
            seen += size
        found += q / len(orders)
    return found


def routes() -> list[Route]:
    return [*on_the_line(), *in_space(), *chains_of_steps(), *on_finite_spaces()]


if __name__ == "__main__":
    write_atomically(FILE, strict_json(routes(), indent=1) + "\n")
