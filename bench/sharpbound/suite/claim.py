"""What is predicted: a paper's claims, as its file in theory/ says them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, model_validator

from sharpbound.errors import InputError
from sharpbound.formulas.formula import Formula
from sharpbound.suite import bibtex
from sharpbound.suite.assumptions import Check
from sharpbound.suite.case import ClaimId, Line, Slug
from sharpbound.suite.validation import Table, did_you_mean

Transfer = Literal["identity", "pinsker", "from-kl"]
TRANSFERS: dict[Transfer, str] = {
    "identity": "the formula bounds this metric itself",
    "pinsker": "the formula B bounds sqrt(metric/2), as in TV <= sqrt(KL/2) <= B: metric <= 2 B^2",
    "from-kl": "the formula B bounds a KL divergence, so that TV and Hellinger <= sqrt(B/2)",
}
"""How a bound on the claim's own metric speaks of another one."""

Trust = Literal["V", "R", "A", "M", "D", "N"]
TRUST: dict[Trust, str] = {
    "V": "read in the source",
    "R": "read in two independent restatements, not in the source",
    "A": "read in the abstract",
    "M": "recalled; wording or exponents not checked against the paper",
    "D": "derived here",
    "N": "checked numerically",
}

ClaimKind = Literal["upper-bound", "lower-bound", "equality", "exponential", "ordering"]
Status = Literal["verified", "unverified-wording", "superseded"]
STATUS: dict[Status, str] = {
    "verified": "worded as its source words it",
    "unverified-wording": "the wording has not been checked against the source",
    "superseded": "stated by an earlier version of the paper, and changed since",
}

Constant = Literal["hidden", "explicit"]
CONSTANT: dict[Constant, str] = {
    "hidden": "stated up to a constant that it does not name: rates are compared",
    "explicit": "stated with its constant: values are compared, at every T",
}


def _parse_formula(value: Any) -> Formula:
    return value if isinstance(value, Formula) else Formula(value)


_Formula = Annotated[
    Formula, BeforeValidator(_parse_formula), PlainSerializer(lambda formula: formula.text, return_type=str)
]


def _parse_sampler(value: Any) -> str | dict[str, Any]:
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return value
    if isinstance(value, str):
        return value
    raise InputError('takes names of samplers, or tables such as { name = "deis", order = 3 }')


SamplerName = Annotated[str | dict[str, Any], PlainValidator(_parse_sampler)]
"""A sampler by name, or a table of its name and the parameters that matter."""


class Version(Table):
    """A [[paper.versions]] table: what one version of a paper says, where versions differ."""

    version: Line
    date: Line | None = None
    says: Line
    read: bool
    """Whether that version itself was read, or only known from others."""


class Paper(Table):
    """The [paper] table: where the claims of the file stand."""

    title: Line
    authors: Annotated[list[Line], Field(min_length=1)]
    """As on the paper; ["and others"] last where the list is not known to be complete."""
    year: Annotated[int, Field(ge=1900, le=2100)]
    arxiv: str | None = None
    also: list[str] = Field(default_factory=list)
    """Further arXiv ids whose results the same claims restate."""
    version: Line = "unknown"
    """The version whose statement is encoded."""
    versions: list[Version] = Field(default_factory=list)
    """What its versions say, oldest first, where the theorems changed between them."""
    note: Line | None = None
    bibtex: str

    @model_validator(mode="after")
    def _check(self) -> Paper:
        for name, ids in (("arxiv", [self.arxiv] if self.arxiv is not None else []), ("also", self.also)):
            for arxiv in ids:
                if not re.fullmatch(r"\d{4}\.\d{4,5}", arxiv):
                    raise InputError(f"{arxiv!r} is not an arXiv id such as 2306.09251", key=name)
        try:
            bibtex.parse(self.bibtex)
        except InputError as error:
            raise error.at(key="bibtex") from None
        names = [version.version for version in self.versions]
        if len(set(names)) < len(names):
            raise InputError("names a version twice; keep one", key="versions")
        return self

    @cached_property
    def key(self) -> str:
        """Key of the BibTeX entry."""
        return bibtex.parse(self.bibtex).key


class Assumption(Table):
    """One assumption of a theorem, and the check that decides whether a case meets it."""

    text: Line
    check: Check = "unchecked"
    requires: _Formula | None = None
    """Of "number-of-steps": f in T >= C f, with C a constant that the theorem does not state."""

    @model_validator(mode="after")
    def _check(self) -> Assumption:
        if (self.check == "number-of-steps") != (self.requires is not None):
            raise InputError(
                'goes with check = "number-of-steps", which needs it: f in T >= C f', key="requires"
            )
        return self

    def margin(self, values: Mapping[str, Any]) -> float:
        """T/f of "number-of-steps" at ``values``: the largest constant C with which the condition holds."""
        if self.requires is None:
            raise ValueError(f"{self.check} has no number of steps")
        return float(values["T"]) / self.requires.evaluate(values)


class Claim(Table):
    """A [[claim]] table and the paper it stands in."""

    id: ClaimId
    paper: Paper
    statement: Line
    source: Line | None = None
    """Theorem, equation or page."""
    version: Line = ""
    """The version of the paper whose statement is encoded; the paper's own, if left out."""
    kind: ClaimKind
    metric: Slug
    """What the formula bounds or equals."""
    formula: _Formula
    metrics: dict[Slug, Transfer] = Field(default_factory=dict)
    """The metrics that the claim speaks of, and how; always with ``metric`` itself."""
    assumptions: list[Assumption] = Field(default_factory=list)
    samplers: list[SamplerName] = Field(default_factory=list)
    """The samplers that it speaks of, by name, or as a table of a name and the parameters that matter: a case of
    another one lies outside the theorem. Left out, any sampler.
    """
    trust: Trust
    status: Status
    unverified: Line | None = None
    """Of "unverified-wording": why, as what was read and what was not."""
    untested: Line | None = None
    """Why no case tests it; of a claim that has none."""
    constant: Constant = "hidden"
    hidden_logs: bool = False
    """The claim is stated up to factors of log T that it does not name (O-tilde)."""
    dimension_free: bool = False
    """The bound holds whatever d is, which a formula without d does not say by itself: d may be in its constant."""
    control: bool = False
    """A deliberately wrong claim, which shows that violations are caught."""
    note: Line | None = None

    @model_validator(mode="before")
    @classmethod
    def _own_metric(cls, tables: Any) -> Any:
        if isinstance(tables, dict) and isinstance(tables.get("metrics", {}), dict) and "metric" in tables:
            metric = tables["metric"]
            if isinstance(metric, str):
                return tables | {"metrics": {metric: "identity"} | tables.get("metrics", {})}
        return tables

    @model_validator(mode="before")
    @classmethod
    def _own_version(cls, tables: Any) -> Any:
        if isinstance(tables, dict) and isinstance(tables.get("paper"), Paper):
            return {"version": tables["paper"].version} | tables
        return tables

    @model_validator(mode="after")
    def _check(self) -> Claim:
        if self.metrics[self.metric] != "identity":
            raise InputError(
                f"{self.metric} is the metric of the formula; its transfer is identity",
                key=f"metrics.{self.metric}",
            )
        for metric, transfer in self.metrics.items():
            if transfer == "from-kl" and metric not in ("tv", "hellinger"):
                raise InputError("from-kl speaks of tv or hellinger", key=f"metrics.{metric}")
            if transfer == "pinsker" and metric not in ("kl", "path-kl", "kl-reverse"):
                raise InputError("pinsker speaks of kl, kl-reverse or path-kl", key=f"metrics.{metric}")
        if self.trust == "M" and self.status != "unverified-wording":
            raise InputError('a claim of trust "M" has status = "unverified-wording"', key="status")
        if self.dimension_free and "d" in self.formula.variables:
            raise InputError("goes with a formula that has no d", key="dimension_free")
        if self.unverified is not None and self.status != "unverified-wording":
            raise InputError('goes with status = "unverified-wording"', key="unverified")
        if self.constant == "explicit" and (self.hidden_logs or self.kind in ("exponential", "ordering")):
            raise InputError(
                "explicit constants go with an upper-bound, a lower-bound or an equality without hidden_logs",
                key="constant",
            )
        if self.status == "superseded" and self.version == self.paper.version:
            raise InputError("of a superseded claim names the earlier version that states it", key="version")
        return self

    def transfer(self, metric: str) -> Transfer:
        """How the claim speaks of ``metric``; InputError where it does not."""
        if metric not in self.metrics:
            raise InputError(
                f"claim {self.id} does not speak of {metric!r}{did_you_mean(metric, self.metrics)}",
                key="measure.metric",
            )
        return self.metrics[metric]

    def predict(self, values: Mapping[str, Any], metric: str | None = None) -> float:
        """What the claim predicts for ``metric`` (default: its own), with C = 1."""
        value = self.formula.evaluate(values)
        match self.transfer(metric or self.metric):
            case "pinsker":
                return 2.0 * value * value
            case "from-kl":
                return math.sqrt(value / 2.0)
        return value

    def bound(self, values: Mapping[str, Any], metric: str | None = None) -> float:
        """What the claim says of ``metric`` with its own constant; InputError where the constant is hidden."""
        if self.constant != "explicit":
            raise InputError(
                f"claim {self.id} hides its constant, so that no value contradicts it", key="case.claim"
            )
        return self.predict(values, metric)

    def decay(self, variable: str, metric: str | None = None, **values: float) -> tuple[float, float]:
        """(exponent, power of the logarithm) of the prediction for ``metric``; see `Formula.decay`."""
        scale = {"identity": 1.0, "pinsker": 2.0, "from-kl": 0.5}[self.transfer(metric or self.metric)]
        exponent, logs = self.formula.decay(variable, **values)
        return scale * exponent, scale * logs

    def describe(self) -> dict[str, Any]:
        """All of the claim as JSON values, with the formula's LaTeX and the citation key."""
        info = self.model_dump(mode="json")
        info["paper"]["key"] = self.paper.key
        return info | {
            "latex": self.formula.latex,
            "exponents": {k: v if math.isfinite(v) else str(v) for k, v in self.formula.exponents.items()},
            "log_powers": self.formula.log_powers,
            "bibtex": self.paper.bibtex,
        }


def sampler_table(one: SamplerName) -> dict[str, Any]:
    """The sampler as a table, whichever way it was written."""
    return {"name": one} if isinstance(one, str) else one


def listed(samplers: Sequence[SamplerName]) -> str:
    """``ddim or deis (order 3)``: the samplers of a claim, in words."""
    names = []
    for one in samplers:
        table = sampler_table(one)
        with_ = ", ".join(f"{key} {value}" for key, value in table.items() if key != "name")
        names.append(f"{table['name']} ({with_})" if with_ else str(table["name"]))
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
