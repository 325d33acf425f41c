"""What is tested: a case, as its TOML file says it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from sharpbound import foreign
from sharpbound.bounds import MAX_STEPS
from sharpbound.errors import Collected, InputError, brief, did_you_mean
from sharpbound.suite.validation import Table


def _slug(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text) or len(text) > 80:
        raise InputError(f"must be lower-case words joined by hyphens, e.g. pf-ode, got {brief(text)}")
    return text


def _claim_id(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", text) or len(text) > 80:
        raise InputError(f"must be the id of a claim, such as li2024.ode, got {brief(text)}")
    return text


def _one_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise InputError(f"must be one non-empty line of text, got {brief(text)}")
    return text


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"must be a number, got {brief(value)}")
    return value


Slug = Annotated[str, AfterValidator(_slug)]
ClaimId = Annotated[str, AfterValidator(_claim_id)]
Line = Annotated[str, AfterValidator(_one_line), Field(max_length=400)]
Number = Annotated[Any, BeforeValidator(_number)]  # an int stays an int


@dataclass(frozen=True)
class Kind:
    """Which tables a kind of case needs and may have, and its keys of [measure] besides ``metric``."""

    required: frozenset[str]
    optional: frozenset[str] = frozenset()
    measure: frozenset[str] = frozenset()


def _kind(required: str, optional: str = "", measure: str = "") -> Kind:
    return Kind(*(frozenset(names.split()) for names in (required, optional, measure)))


KINDS: dict[str, Kind] = {
    "sampling-rate": _kind("target forward sampler", "score_error"),
    "score-error": _kind("target forward sampler score_error"),
    "erm-failure": _kind("learning"),
    "sample-complexity": _kind("learning", "target forward sampler"),
    "training": _kind("training", "target forward"),
    "design-space": _kind("design", "target forward sampler score_error"),
    "diffusion-time": _kind("diffusion_time", "target forward sampler score_error"),
    "detection": _kind("detection"),
    "audit": _kind("audit", "target forward sampler score_error"),
    "discrete": _kind("target forward sampler", "score_error"),
}
"""Tables beside [case], [measure] and [sweep], which every kind has. The kind's experiment validates
what is in them."""

OPTIONS = ("learning", "training", "design", "diffusion_time", "audit", "detection")
"""Tables that belong to one kind of experiment."""


class Header(Table):
    """The [case] table."""

    id: Slug
    title: Line
    kind: str
    claim: ClaimId
    note: Line | None = None
    """What a reader should know of the case, e.g. why a parameter was chosen."""

    @model_validator(mode="after")
    def _known_kind(self) -> Header:
        if self.kind not in KINDS:
            raise InputError(f"unknown kind {brief(self.kind)}{did_you_mean(self.kind, KINDS)}", key="kind")
        return self


class Limits(Table):
    """The [limits] table: what a cell of the case, its checks and its conclusion may take. No number depends on it."""

    seconds: Annotated[float, Field(gt=0, le=1e7)] = 3600.0
    memory: Annotated[float, Field(gt=0, le=1e5)] = 4.0
    """GiB, beyond what the process that measures it has in use already."""


class Case(Table):
    """A case file. Tables whose contents an experiment understands are kept as plain dicts."""

    case: Header
    target: dict[str, Any] = Field(default_factory=dict)
    forward: dict[str, Any] = Field(default_factory=dict)
    sampler: dict[str, Any] = Field(default_factory=dict)
    score_error: dict[str, Any] | None = None
    measure: dict[str, Any]
    sweep: dict[str, list[Number]]
    learning: dict[str, Any] | None = None
    training: dict[str, Any] | None = None
    design: dict[str, Any] | None = None
    diffusion_time: dict[str, Any] | None = None
    audit: dict[str, Any] | None = None
    detection: dict[str, Any] | None = None
    limits: Limits = Field(default_factory=Limits)

    _file: Path = PrivateAttr(default=Path())
    _spec: dict[str, Any] = PrivateAttr(default_factory=dict)
    _full: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def _check(self) -> Case:
        kind = KINDS[self.kind]
        present = self.model_fields_set - {"case", "measure", "sweep", "limits"}
        with Collected() as mistakes:
            for name in sorted(kind.required - present):
                with mistakes.caught():
                    raise InputError(f"is missing; a {self.kind} case needs a [{name}] table", key=name)
            for name in sorted(present - kind.required - kind.optional):
                with mistakes.caught():
                    raise InputError(f"a {self.kind} case has no [{name}] table; delete it", key=name)
            with mistakes.caught():
                _check_measure(self.measure, kind)
            with mistakes.caught():
                _check_sweep(self.sweep)
        return self

    @property
    def id(self) -> str:
        return self.case.id

    @property
    def title(self) -> str:
        return self.case.title

    @property
    def kind(self) -> str:
        """As the file says; a sampling rate of a [forward] process that is no schedule is one on a finite space."""
        discrete = self.case.kind == "sampling-rate" and "process" in self.forward
        return "discrete" if discrete else self.case.kind

    @property
    def claim(self) -> str:
        """Id of the claim in theory/ that the case tests."""
        return self.case.claim

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics asked for; the verdict is on the first."""
        metric = self.measure["metric"]
        return [metric] if isinstance(metric, str) else list(metric)

    @cached_property
    def swept(self) -> str:
        """The variable along which the rate is read: the first with several values in [sweep]."""
        return next((name for name, values in self.sweep.items() if len(values) > 1), next(iter(self.sweep)))

    @property
    def options(self) -> dict[str, Any]:
        """The table that belongs to the case's kind of experiment ([learning], [training], ...)."""
        return next((table for name in OPTIONS if (table := getattr(self, name)) is not None), {})

    @property
    def file(self) -> Path:
        """Where the case was read from."""
        return self._file

    @property
    def home(self) -> str | None:
        """The folder of the case file, where it names modules of the user's; else None."""
        tables = [self.target, self.forward, self.sampler, self.score_error, self.audit]
        return str(self.file.resolve().parent) if any(True for _ in foreign.stamps(tables)) else None

    @property
    def spec(self) -> dict[str, Any]:
        """The case file's tables as they are."""
        return self._spec

    @property
    def command(self) -> str:
        """What measures the case, but for its file: its [full] table needs ``--profile full``."""
        return "sharpbound run --profile full" if self._full else "sharpbound run"


def _check_measure(measure: dict[str, Any], kind: Kind) -> None:
    allowed = ["metric", *sorted(kind.measure)]
    for name in measure:
        if name not in allowed:
            raise InputError(f"unknown key {brief(name)}{did_you_mean(name, allowed)}", key="measure")
    if "metric" not in measure:
        raise InputError('is missing; add e.g. metric = "tv"', key="measure.metric")
    metric = measure["metric"]
    names = metric if isinstance(metric, list) else [metric]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise InputError(
            f'must be a name or a list of names such as "tv", got {brief(metric)}', key="measure.metric"
        )
    if len(set(names)) < len(names):
        raise InputError(f"names a metric twice: {brief(metric)}; keep one", key="measure.metric")


def _check_sweep(sweep: dict[str, list[Number]]) -> None:
    if not sweep:
        raise InputError("is empty; add e.g. T = [64, 128, 256, 512]", key="sweep")
    for name, values in sweep.items():
        if not name.isidentifier():
            raise InputError(f"{brief(name)} is not the name of a variable; use letters, e.g. T", key="sweep")
        key = f"sweep.{name}"
        if not values:
            raise InputError("is an empty list; give it values", key=key)
        if len(set(values)) < len(values):
            raise InputError(f"has a value twice: {brief(values)}; keep one", key=key)
        if name == "T":
            _check_steps(values)


def _check_steps(values: list[Number]) -> None:
    """Whole numbers from 2 on; or one step alone, which a theorem may be about."""
    for value in values:
        if not isinstance(value, int) or value < (1 if len(values) == 1 else 2):
            raise InputError(f"must hold integers >= 2, got {value!r}", key="sweep.T")
        if value > MAX_STEPS:
            raise InputError(f"has {value} steps; use at most {MAX_STEPS}", key="sweep.T")
    if values != sorted(values):
        raise InputError("must be increasing; sort it", key="sweep.T")
