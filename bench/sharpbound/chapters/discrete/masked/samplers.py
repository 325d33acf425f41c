"""The samplers of a masked process: in which order tokens are revealed, and how many in each step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from sharpbound.chapters.discrete import divergences
from sharpbound.chapters.discrete.masked import counts, law, profile
from sharpbound.chapters.discrete.masked.marginals import Marginals, check_size, fits
from sharpbound.chapters.discrete.masked.race import BITS
from sharpbound.chapters.discrete.masked.sizes import Schedule, block_sizes, check_sizes
from sharpbound.chapters.discrete.pair import Averages, Pair, Tables
from sharpbound.chapters.discrete.targets import Exchangeable, Target
from sharpbound.errors import InputError, brief, did_you_mean
from sharpbound.options import made

SHORT = 10
"""Tokens up to which binary exchangeable laws are held as tables, which know all metrics."""


class MaskedSampler(ABC):
    """T steps from all tokens masked to none. Its parameters are keys of [sampler]."""

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    steps_are_random: ClassVar[bool] = False
    """Whether there is no number of steps T to choose."""

    @abstractmethod
    def check(self, target: Target, T: int) -> None:
        """InputError for what it cannot do, tokens that would stay masked included."""

    def check_law(self, target: Target, T: int, metric: str) -> None:
        """InputError for a ``metric`` of the law of the output where that has too many values."""
        check_size(target.dim, target.states)

    @abstractmethod
    def solve(self, target: Target, T: int) -> Pair:
        """The law of the output beside the target."""


@dataclass(frozen=True)
class MaskedBlocks(MaskedSampler):
    """Blocks chosen at random among the tokens still masked, of sizes that `block_sizes` says.

    ``schedule = "random"``: every token draws its step, one of T, by itself.
    """

    schedule: Schedule = "equal"
    blocks: list[int] | None = None

    name = "masked-blocks"
    title = "random blocks"
    source = "Li, Cai (2505.21400)"

    @property
    def random(self) -> bool:
        """Whether the sizes are drawn."""
        return self.schedule == "random" and self.blocks is None

    def check(self, target: Target, T: int) -> None:
        if not profile.closed_form(target):
            check_size(target.dim, target.states)
        if not self.random:
            check_sizes(target.dim, T, self.schedule, self.blocks)

    def check_law(self, target: Target, T: int, metric: str) -> None:
        if metric == "kl-averaged" or self._counted(target):
            return
        check_size(target.dim, target.states)
        if self.random and target.dim > law.MOST_TOKENS_OF_RANDOM_SIZES:
            raise law.too_long(target.dim)

    def _counted(self, target: Target) -> bool:
        """Whether the number of ones says all."""
        binary = isinstance(target, Exchangeable) and target.states == 2
        return not self.random and binary and target.dim > SHORT

    def solve(self, target: Target, T: int) -> Pair:
        sizes = None if self.random else block_sizes(target, T, self.schedule, self.blocks)
        known = profile.profile_of(target)
        others = {
            "kl-averaged": lambda: (
                profile.averaged_kl_random(known, T) if sizes is None else profile.averaged_kl(known, sizes)
            )
        }
        if sizes is not None and isinstance(target, Exchangeable) and self._counted(target):
            p, q = counts.true_counts(target), counts.output_counts(target, sizes)
            return counts.Counts(p, q, others, known.facts())
        if not fits(target.dim, target.states) or (
            sizes is None and target.dim > law.MOST_TOKENS_OF_RANDOM_SIZES
        ):
            return Averages("profile", others, known.total, known.facts())
        table = target.table()
        marginals = Marginals.of(table)
        q = law.random_sizes(marginals, T) if sizes is None else law.random_order(marginals, sizes)
        return Tables("subsets", table, q, T, others, known=known.facts())


@dataclass(frozen=True)
class Ordered(MaskedSampler):
    """Blocks of the tokens that are surest given what is revealed."""

    schedule: Schedule = "equal"
    blocks: list[int] | None = None

    by: ClassVar[Literal["confidence", "entropy"]]

    def check(self, target: Target, T: int) -> None:
        check_size(target.dim, target.states)
        check_sizes(target.dim, T, self.schedule, self.blocks)

    def solve(self, target: Target, T: int) -> Pair:
        sizes, table = block_sizes(target, T, self.schedule, self.blocks), target.table()
        q = law.by_confidence(Marginals.of(table), sizes, self.by)
        # every x comes about in one order, so that nothing is averaged
        others = {"kl-averaged": lambda: divergences.kl(table, q)}
        return Tables("subsets", table, q, T, others, known=profile.profile_of(target).facts())


class MaskedConfidence(Ordered):
    """First the tokens with the largest probability of a state."""

    name = "masked-confidence"
    title = "most confident tokens first"
    source = "Chang et al. (2202.04200)"
    by = "confidence"


class MaskedEntropy(Ordered):
    """First the tokens with the least entropy."""

    name = "masked-entropy"
    title = "tokens of least entropy first"
    source = "Kim et al. (2502.06768)"
    by = "entropy"


@dataclass(frozen=True)
class MaskedEntropySum(MaskedSampler):
    """The tokens of least entropy, as many as keep the sum of entropies within ``threshold``: steps are random."""

    threshold: float

    name = "masked-entropy-sum"
    title = "tokens within a sum of entropies"
    source = "Cai, Li (2603.22248)"
    steps_are_random = True

    def check(self, target: Target, T: int) -> None:
        check_size(target.dim, target.states)
        if self.threshold <= 0:
            raise InputError(f"must be positive, got {self.threshold:g}", key="sampler.threshold")
        if T:
            raise InputError("the number of steps is random: sweep the threshold", key="sweep.T")

    def solve(self, target: Target, T: int) -> Pair:
        table, known = target.table(), profile.profile_of(target)
        q, steps = law.by_entropy_sum(Marginals.of(table), self.threshold)
        others = {"kl-averaged": lambda: divergences.kl(table, q), "steps": lambda: steps}
        return Tables("subsets", table, q, target.dim, others, known=known.facts() | {"eps": self.threshold})


@dataclass(frozen=True)
class FirstHitting(MaskedSampler):
    """One token at a time, when it loses its mask: exact, in L steps (2409.02908).

    ``precision``: tokens are drawn by a race with uniforms of that precision, whose law is not the exact one (`race`).
    """

    precision: Literal["exact", "float32", "float16", "bfloat16"] = "exact"

    name = "first-hitting"
    title = "first hitting"
    source = "Zheng et al. (2409.02908)"

    def check(self, target: Target, T: int) -> None:
        MaskedBlocks().check(target, T)
        if target.dim != T:
            raise InputError(f"one token at a time takes {target.dim} steps, not {T}", key="sweep.T")
        if self.precision != "exact":
            check_size(target.dim, target.states)

    def check_law(self, target: Target, T: int, metric: str) -> None:
        MaskedBlocks().check_law(target, T, metric)

    def solve(self, target: Target, T: int) -> Pair:
        if self.precision == "exact":
            return MaskedBlocks().solve(target, T)
        table = target.table()
        q = law.random_order(Marginals.of(table, BITS[self.precision]), [1] * T)
        return Tables("subsets", table, q, T, known=profile.profile_of(target).facts())


SAMPLERS: dict[str, type[MaskedSampler]] = {
    sampler.name: sampler
    for sampler in (MaskedBlocks, MaskedConfidence, MaskedEntropy, MaskedEntropySum, FirstHitting)
}


def build(spec: Mapping[str, Any]) -> MaskedSampler:
    """The sampler of a ``[sampler]``; InputError, naming ``sampler.<key>``, for every mistake."""
    name = spec.get("name")
    if not isinstance(name, str) or name not in SAMPLERS:
        raise InputError(
            f"{brief(name)} is no sampler of a masked process{did_you_mean(str(name), SAMPLERS)}",
            key="sampler.name",
        )
    given = {key: value for key, value in spec.items() if key != "name"}
    found: MaskedSampler = made(SAMPLERS[name], given, name="sampler", who=name, also=("name",))
    return found
