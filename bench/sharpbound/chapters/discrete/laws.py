"""The law of a sampler's output beside the truth: which engine finds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sharpbound.chapters.discrete import process, samplers
from sharpbound.chapters.discrete.chain import INITS, Chain
from sharpbound.chapters.discrete.masked import samplers as masked_samplers
from sharpbound.chapters.discrete.pair import Pair, Products, Tables
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.targets import Product, Target
from sharpbound.errors import InputError, brief

FOUND_BY = {
    "chain": "finite state spaces, continuous time: a law pushed through the kernel of each step, by blocks of states",
    "product": "independent coordinates on finite spaces, any number of them: the law of each by itself",
    "subsets": "masked diffusion: a sum over all orders of unmasking, by dynamic programming over subsets of tokens",
    "counts": "masked diffusion of binary exchangeable laws of any length: the law of the number of ones",
    "profile": "masked diffusion, averaged over orders, from the mean entropies of k tokens: chains of any length",
}
"""What finds a law, in a line."""


def solve(target: Target, forward: Mapping[str, Any], sampler: Mapping[str, Any], T: int) -> Pair:
    """The output law of ``sampler`` beside the truth.

    The truth is the law at ``delta``, where a chain stops, or the target itself. InputError, naming the key, for what
    cannot be solved.
    """
    if forward.get("process") == "masked":
        return masked_samplers.build(sampler).solve(target, T)
    chains, counts = _chains(target, forward, sampler, T)
    found = tuple(map(_tables, chains))
    return Products(found, tuple(counts)) if counts else found[0]


def check(target: Target, forward: Mapping[str, Any], sampler: Mapping[str, Any], T: int) -> None:
    """InputError, naming the key, for what `solve` cannot do as far as it is seen without computing."""
    if forward.get("process") == "masked":
        masked_samplers.build(sampler).check(target, T)
    else:
        _chains(target, forward, sampler, T)


def check_steps(target: Target, forward: Mapping[str, Any], sampler: Mapping[str, Any], T: int) -> None:
    """InputError where a step is too long for the sampler, or rates divide by zero."""
    if forward.get("process") != "masked":
        for chain in _chains(target, forward, sampler, T)[0]:
            for t, s in chain.steps:
                chain.sampler.kernels(chain.reverse, t, s)


def _chains(
    target: Target, forward: Mapping[str, Any], sampler: Mapping[str, Any], T: int
) -> tuple[list[Chain], list[int]]:
    """The chain of each kind of coordinate, with how many there are of it; or one of all coordinates together."""
    made, init = samplers.build(sampler), sampler.get("init", "exact")
    if init not in INITS:
        raise InputError(f"must be one of {', '.join(INITS)}, got {brief(init)}", key="sampler.init")
    moves = process.build(forward, target.states)
    if isinstance(target, Product) and made.by_coordinate:
        return [Chain(Reverse(row, moves), made, T, init) for row in target.factors], target.counts
    return [Chain(Reverse(target.table(), moves), made, T, init)], []


def _tables(chain: Chain) -> Tables:
    others: dict[str, Callable[[], float]] = {"path-kl": chain.path_kl}
    if chain.sampler.name == "uniformization":
        others["steps"] = chain.poisson_steps
    return Tables("chain", chain.truth(), chain.output_law(), chain.T, others)
