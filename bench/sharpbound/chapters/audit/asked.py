"""The options of ``sharpbound audit``, read and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharpbound import foreign, samplers
from sharpbound.audit import adapt
from sharpbound.chapters.audit.guided import Guided
from sharpbound.chapters.audit.networks import STATES
from sharpbound.chapters.audit.views import View, default_views, given_views
from sharpbound.errors import InputError, did_you_mean
from sharpbound.samplers import Sampler
from sharpbound.targets import Gaussian1D, Target1D, build

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
GAUSSIAN = {"family": "gaussian", "mean": 0.5, "std": 0.5}
CLOSE = {"family": "gaussian-mixture", "weights": [0.5, 0.5], "means": [-0.3, 0.8], "stds": [0.6, 0.45]}
NAMED: dict[str, dict[str, Any]] = {"mixture": MIXTURE, "gaussian": GAUSSIAN, "close": CLOSE}
"""Targets of deterministic samplers, of stochastic ones, and with guidance, which drives modes apart: a gap between
them is crossed by a part of the mass that goes like the error, and W2 like its square root."""
WIDE = {"family": "gaussian", "mean": 0.0, "std": 1.5}
"""The unconditional law of guidance."""
MOST_GUIDED = 100.0


@dataclass(frozen=True)
class Asked:
    """The options as they are written.

    order : nominal; by default the sampler's attribute ``order``.
    arrays : "numpy" or "torch"; by default what it works with.
    schedule : name of a schedule, with parameters after a colon; by default two ranges of noise.
    convention : how it calls its model: "score", or one of `sharpbound.audit.adapt.CONVENTIONS`.
    ladder : "even" or "uneven" steps alone.
    steps : "8,16,32", the numbers of steps; by default as many as it takes.
    target : a case file, or a family with parameters after a colon.
    same_as : a sampler of the library, with parameters after a colon, to compare with instead.
    at : a number of steps at which W2 is put beside that of the library's methods.
    guidance : scale of guidance, from the law ``unconditional`` to the target (`sharpbound.chapters.audit.guided`).
    unconditional : a case file, or a family with parameters after a colon.
    options, allow : of a scheduler, keywords of its constructor, and checks of its schedule that need not be kept.
    state : of a scheduler, how it writes its state: a name in `sharpbound.chapters.audit.networks.STATES`.
    """

    order: float | None = None
    arrays: str | None = None
    schedule: str | None = None
    convention: str = "score"
    ladder: str | None = None
    steps: str | None = None
    target: str | None = None
    same_as: str | None = None
    at: int | None = None
    guidance: float | None = None
    unconditional: str | None = None
    options: str | None = None
    allow: str | None = None
    state: str | None = None

    def check(self) -> None:
        """InputError for a convention that there is not, and for options that exclude each other."""
        known = ["score", *adapt.CONVENTIONS]
        if self.convention not in known:
            raise InputError(
                f"choose {', '.join(known)}, not {self.convention!r}{did_you_mean(self.convention, known)}",
                key="--convention",
            )
        if self.state is not None and self.state not in STATES:
            raise InputError(
                f"choose {', '.join(STATES)}, not {self.state!r}{did_you_mean(self.state, STATES)}",
                key="--state",
            )
        if self.at is not None and self.at < 2:
            raise InputError(f"must be 2 steps or more, not {self.at}", key="--at")
        if self.guidance is None and self.unconditional is not None:
            raise InputError("goes with --guidance", key="--unconditional")
        if self.guidance is not None and self.at is not None:
            raise InputError(
                "the library's methods are measured without guidance: leave out --at", key="--guidance"
            )
        if self.same_as is not None:
            for key in ("order", "steps", "at", "target", "guidance"):
                if getattr(self, key) is not None:
                    raise InputError(f"--same-as compares coefficients: leave out --{key}", key="--same-as")

    def views(self) -> list[View]:
        if self.schedule is None:
            return default_views(self.convention == "score", self.ladder)
        return given_views(read_spec(self.schedule, "schedule", "--schedule"), self.ladder)

    def target_for(self, deterministic: bool) -> Target1D:
        """InputError at --target for one on which such a sampler cannot be measured."""
        found = _law(self.target, NAMED[self._default(deterministic)], "--target")
        if not deterministic and not isinstance(found, Gaussian1D):
            raise InputError(
                "the sampler draws noise: it is measured on a Gaussian, as gaussian:mean=0.5,std=0.5",
                key="--target",
            )
        return found

    def guided(self, deterministic: bool) -> Guided | None:
        """The guided law, if there is guidance; InputError at --guidance for a sampler that draws noise."""
        if self.guidance is None or self.guidance == 1:
            return None
        if not deterministic:
            raise InputError(
                "the sampler draws noise; a guided ODE has a law, a guided SDE none", key="--guidance"
            )
        if not abs(self.guidance) <= MOST_GUIDED:
            raise InputError(f"must be at most {MOST_GUIDED:g}, not {self.guidance:g}", key="--guidance")
        free = _law(self.unconditional, WIDE, "--unconditional")
        return Guided(self.target_for(True), free, self.guidance)

    def target_words(self, deterministic: bool) -> str:
        return self.target or self._default(deterministic)

    def _default(self, deterministic: bool) -> str:
        guided = self.guidance not in (None, 1)
        return ("close" if guided else "mixture") if deterministic else "gaussian"

    def numbers(self) -> Sequence[int] | None:
        """The numbers of steps asked for."""
        if self.steps is None:
            return None
        try:
            steps = sorted({int(part) for part in self.steps.split(",")})
        except ValueError:
            raise InputError(f"write whole numbers, as 8,16,32, not {self.steps!r}", key="--steps") from None
        if len(steps) < 3 or steps[0] < 2:
            raise InputError(
                f"an order takes three numbers of steps, each of 2 or more, not {self.steps!r}", key="--steps"
            )
        return steps

    def other(self) -> Sampler:
        """The sampler of --same-as."""
        try:
            return samplers.build(read_spec(str(self.same_as), "name", "--same-as"))
        except InputError as mistake:
            raise InputError(mistake.message, key="--same-as") from None


def read_spec(text: str, key: str, option: str) -> dict[str, Any]:
    """Of "name:a=1,b=[2, 3]" the table {key: "name", "a": 1, "b": [2, 3]}; "module:object" is a name."""
    name, colon, rest = text.partition(":")
    if colon and "=" not in rest.partition(":")[0]:  # an object of the user's, perhaps with parameters
        thing, colon, rest = rest.partition(":")
        name = f"{name}:{thing}"
    spec: dict[str, Any] = {key: name}
    if colon:
        try:
            spec |= tomllib.loads(f"given = {{ {rest} }}")["given"]
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"write name:key=value,key=value, not {text!r} ({error})", key=option) from None
    if foreign.is_foreign(name):
        spec = foreign.stamped(spec, key, foreign.here())
    return spec


def _law(text: str | None, default: dict[str, Any], key: str) -> Target1D:
    try:
        found = build(default if text is None else target_spec(text, key))
    except InputError as mistake:
        raise InputError(mistake.message, key=key) from None
    if not isinstance(found, Target1D):
        raise InputError("an audit needs a law on the line", key=key)
    return found


def target_spec(text: str, key: str = "--target") -> dict[str, Any]:
    """The [target] table of an option: of a case file, a name of `NAMED`, or a family with parameters after a colon."""
    if text in NAMED:
        return NAMED[text]
    if not text.endswith(".toml"):
        return read_spec(text, "family", key)
    try:
        table = tomllib.loads(Path(text).read_text())
    except OSError as error:
        raise InputError(f"{text}: {error.strerror}", key=key) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{text}: {error}", key=key) from None
    if not isinstance(table.get("target"), dict):
        raise InputError(f"{text} has no [target]", key=key)
    foreign.remember(str(Path(text).resolve().parent))
    return foreign.stamped(table["target"], "family", Path(text).resolve().parent)
