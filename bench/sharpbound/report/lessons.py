"""What a run taught, in sentences: of each claim, of each paper, and in all. Made of verdicts alone.

A claim's *standing* is what its cases come to, but those outside its hypotheses:

    contradicted   some case violates or refutes it
    attained       some case attains the power of the bound, and none contradicts it
    confirmed      an equality or an ordering that every decided case bears out
    loose          no case attains the bound, and every decided one is below it by more than a constant
    undecided      no case decides it
    outside        only cases outside its hypotheses were decided
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sharpbound.report.claims import Claim
from sharpbound.report.documents import Document
from sharpbound.report.wording import VERDICTS, number, short, span
from sharpbound.suite.hypotheses import MET

STANDINGS = {
    "contradicted": "contradicted by a case that no checked hypothesis excludes",
    "attained": "attained: some case shows that no better power is possible",
    "confirmed": "borne out by every case that was decided",
    "loose": "true and loose in every case that was decided",
    "undecided": "not decided by any case",
    "outside": "decided only outside its hypotheses",
}
_COUNTED = {
    "attained": "attained",
    "confirmed": "confirmed",
    "loose": "loose",
    "contradicted": "contradicted by some case that no checked hypothesis excludes",
    "undecided": "undecided",
    "outside": "decided only outside their hypotheses",
}
_STANDS = {"outside": "decided only outside hypotheses"}
_IN_A_SENTENCE = {
    "tv": "total variation",
    "kl": "KL of the output",
    "path-kl": "path-space KL",
    "chi2": "chi-square",
    "hellinger": "Hellinger distance",
    "w1": "Wasserstein-1",
    "w2": "Wasserstein-2",
}
AGAINST = ("violated", "refuted")
_DECIDED = ("sharp", "confirmed", "loose", *AGAINST)


@dataclass(frozen=True)
class Lesson:
    """One claim: where it stands, and what is to be said of it."""

    claim: Claim
    documents: Sequence[Document]
    standing: str
    told: str
    """Metric by metric, without the claim's name and a full stop."""

    @property
    def split(self) -> tuple[list[str], list[str]]:
        """The metrics in which it is attained and those in which it is loose, each without the other verdict."""
        inside = [d for d in self.documents if not d.outside and d.swept == "T"]
        sharp = {d.metric for d in inside if d.verdict == "sharp"}
        loose = {d.metric for d in inside if d.verdict == "loose"}
        return sorted(sharp - loose), sorted(loose - sharp)

    @property
    def follows(self) -> str:
        """The standing in words; of a contradiction, whether a case is known to meet every hypothesis."""
        met = any(d.verdict in AGAINST and d.hypotheses == MET for d in self.documents)
        if self.standing == "contradicted" and met:
            return "contradicted by a case that meets its hypotheses"
        return STANDINGS[self.standing]

    @property
    def against(self) -> str:
        """``2 of 5 cases``: how many of those within its hypotheses contradict it."""
        inside = [d for d in self.documents if not d.outside]
        return f"{sum(d.verdict in AGAINST for d in inside)} of {plural(len(inside), 'case')}"


@dataclass(frozen=True)
class Paper:
    """The claims of one source."""

    name: str
    """`Claim.paper_name` of its claims."""
    citation: str
    title: str
    lessons: Sequence[Lesson]

    @property
    def documents(self) -> list[Document]:
        return [d for lesson in self.lessons for d in lesson.documents]

    @property
    def told(self) -> str:
        """Its claims by standing, as a sentence without the names."""
        counts = Counter(lesson.standing for lesson in self.lessons)
        parts = [f"{counts[s]} {_STANDS.get(s, s)}" for s in STANDINGS if counts[s]]
        return f"{plural(len(self.lessons), 'claim')}, {plural(len(self.documents), 'case')}: {', '.join(parts)}."


def lesson(documents: Sequence[Document]) -> Lesson:
    """What the cases of one claim say."""
    groups = _groups(documents)
    several = len({group[0].metric for group in groups}) < len(groups)
    parts = [_told(group, with_swept=several) for group in groups]
    outside = [d for d in documents if d.outside]
    if outside:
        counts = Counter(d.verdict for d in outside)
        parts.append(f"outside its hypotheses: {_counts(counts)}")
    return Lesson(documents[0].claim, documents, _standing(documents), "; ".join(parts))


def _groups(documents: Sequence[Document]) -> list[list[Document]]:
    """Those within the hypotheses, by metric and swept variable."""
    groups: dict[tuple[str, str], list[Document]] = {}
    for document in documents:
        if not document.outside:
            groups.setdefault((document.metric, document.swept), []).append(document)
    return list(groups.values())


def papers(documents: Iterable[Document]) -> list[Paper]:
    """The papers in the order of the documents, each with its claims."""
    claims: dict[str, list[Document]] = {}
    for document in documents:
        claims.setdefault(document.claim.id, []).append(document)
    sources: dict[str, list[Lesson]] = {}
    for members in claims.values():
        sources.setdefault(members[0].claim.paper_name, []).append(lesson(members))
    return [
        Paper(name, who(lessons[0].claim), lessons[0].claim.title, lessons)
        for name, lessons in sources.items()
    ]


def who(claim: Claim) -> str:
    """``Li et al. (2023)``: the citation without its place."""
    return claim.citation.split(", ")[0]


@dataclass(frozen=True)
class Taught:
    """One sentence of what was learnt; names of claims stand in backticks."""

    sentence: str
    by_source: Sequence[str] = ()
    """What it stands on, a line for each paper."""


def learnt(found: Sequence[Paper]) -> list[Taught]:
    """The run in sentences."""
    every = [one for paper in found for one in paper.lessons]
    lessons = [one for one in every if not one.claim.control]
    documents = [d for one in lessons for d in one.documents]
    counts = Counter(one.standing for one in lessons)
    sources = len({one.claim.paper_name for one in lessons})
    standings = ", ".join(f"{counts[s]} {words}" for s, words in _COUNTED.items() if counts[s])
    sentences: list[Taught | str] = [
        f"{plural(len(lessons), 'claim')} of {plural(sources, 'source')} were held to "
        f"{plural(len(documents), 'case')}: {standings}."
    ]
    sentences.append(_hypotheses(documents))
    for one in lessons:
        sharp, loose = one.split
        if one.standing == "attained" and sharp and loose:
            sentences.append(
                f"The bound of {who(one.claim)}, `{one.claim.id}`, is attained in {_metrics(sharp)} and loose in "
                f"{_metrics(loose)}, where the error falls faster."
            )
    if against := [one for one in lessons if one.standing == "contradicted"]:
        told = "Contradicted by some case that no checked hypothesis excludes:"
        sentences.append(Taught(told, _by_source(against, lambda one: one.against)))
    if loose_only := [one for one in lessons if one.standing == "loose"]:
        told = "True, and loose in every case that was decided (exponents measured, for those claimed):"
        sentences.append(Taught(told, _by_source(loose_only, _given_away)))
    controls = [one for one in every if one.claim.control]
    missed = [d.id for one in controls for d in one.documents if d.verdict not in AGAINST]
    if controls:
        caught = "all of them are caught" if not missed else f"not caught: {_list(missed)}"
        sentences.append(f"{plural(len(controls), 'claim')} false on purpose: {caught}.")
    return [one if isinstance(one, Taught) else Taught(one) for one in sentences]


def _by_source(lessons: Sequence[Lesson], why: Callable[[Lesson], str]) -> list[str]:
    """``Li et al. (2023): `li2024.ode` (why), …``: a line for each paper, in the order of the run."""
    lines: dict[str, list[str]] = {}
    for one in lessons:
        reason = why(one)
        name = f"`{one.claim.id}`" + (f" ({reason})" if reason else "")
        lines.setdefault(who(one.claim), []).append(name)
    return [f"{source}: {_list(names)}." for source, names in lines.items()]


def _given_away(one: Lesson) -> str:
    """``TV 2.000 for 1``: exponents measured and claimed, metric by metric, of a claim that is loose."""
    parts = []
    for group in _groups(one.documents):
        first, rates = group[0], _rates(group)
        if rates:
            along = "" if first.swept == "T" else f" in {first.swept}"
            measured = span(min(rates), max(rates))
            parts.append(f"{short(first.metric)} {measured} for {number(first.predicted, 3)}{along}")
    return ", ".join(parts)


def _hypotheses(documents: Sequence[Document]) -> str:
    """How many cases meet the hypotheses of their theorems, as far as these were checked."""
    met, outside = sum(d.hypotheses == MET for d in documents), sum(bool(d.outside) for d in documents)
    parts = [f"{plural(met, 'case')} {_verb(met, 'meet')} all hypotheses of the theorem"]
    if unsure := len(documents) - met - outside:
        parts.append(f"of {unsure} some were not checked")
    if outside:
        parts.append(
            f"{outside} {_verb(outside, 'lie')} outside them and {'is' if outside == 1 else 'are'} counted apart"
        )
    return f"{', '.join(parts)}."


def _verb(n: int, verb: str) -> str:
    return f"{verb}s" if n == 1 else verb


def _standing(documents: Sequence[Document]) -> str:
    inside = {d.verdict for d in documents if not d.outside}
    if inside & set(AGAINST):
        return "contradicted"
    for verdict, standing in (("sharp", "attained"), ("confirmed", "confirmed"), ("loose", "loose")):
        if verdict in inside:
            return standing
    return "outside" if any(d.outside and d.verdict in _DECIDED for d in documents) else "undecided"


def _told(group: Sequence[Document], with_swept: bool) -> str:
    """Of the cases in one metric along one variable."""
    first = group[0]
    where = f"in {short(first.metric) or 'its own metric'}" + (
        f" along {first.swept}" if with_swept and first.swept else ""
    )
    counts = Counter(d.verdict for d in group)
    cases = f" ({plural(len(group), 'case')})" if len(group) > 1 else ""
    rates = _rates(group)
    measured = ""
    if rates:
        measured = f", {span(min(rates), max(rates))} measured where {number(first.predicted, 3)} is claimed"
    if len(counts) > 1:
        return f"{where}: {_counts(counts)} of {len(group)} cases{measured}"
    return {
        "sharp": f"attained {where}{cases}",
        "confirmed": f"confirmed {where}{cases}",
        "loose": f"loose {where}{measured}{cases}",
        "violated": f"violated {where}{measured}{cases}",
        "refuted": f"refuted {where}{measured}{cases}",
        "inconclusive": f"not decided {where}{cases}",
    }.get(first.verdict, f"{first.verdict} {where}{cases}")


def _rates(group: Sequence[Document]) -> list[float]:
    """Exponents of the decided cases, where all cases have one prediction to be held to."""
    if group[0].predicted is None or any(d.predicted != group[0].predicted for d in group):
        return []
    return [d.exponent for d in group if d.exponent is not None and d.verdict != "inconclusive"]


def _counts(counts: Counter[str]) -> str:
    order = {verdict: k for k, verdict in enumerate(VERDICTS)}
    return ", ".join(f"{n} {v}" for v, n in sorted(counts.items(), key=lambda item: order.get(item[0], 99)))


def plural(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _metrics(names: Sequence[str]) -> str:
    """Metrics as a sentence names them."""
    return _list([_IN_A_SENTENCE.get(name, name) for name in names])


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
