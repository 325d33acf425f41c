"""Every way in which a run can differ from the reference, both directions, and what must not fail."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from gate_documents import document
from sharpbound.errors import InputError
from sharpbound.gate import Finding, Record, compare
from sharpbound.gate import record as record_of
from sharpbound.records.document import CaseDocument

Document = dict[str, Any]


def record(document: Document) -> Record:
    """The record of a document's JSON."""
    return record_of(CaseDocument.read(document))


def findings(change: Callable[[Document], object], **options: Any) -> list[Finding]:
    """The gate's findings after ``change`` was made to a document."""
    old = document(**options)
    new = copy.deepcopy(old)
    change(new)
    return compare({"a": record(old)}, {"a": record(new)})


def kinds(change: Callable[[Document], object], **options: Any) -> list[str]:
    return [finding.kind for finding in findings(change, **options)]


def test_the_same_run_has_no_findings() -> None:
    assert kinds(lambda new: None) == []
    assert kinds(lambda new: new.update(seconds=99.0, title="Another title")) == []


def test_titles_and_notes_are_not_part_of_what_is_measured() -> None:
    assert kinds(lambda new: new["spec"]["case"].update(title="Another", note="why")) == []
    assert kinds(lambda new: new["spec"]["sampler"].update(init="exact")) == ["spec"]


@pytest.mark.parametrize("way", [1, -1])
def test_an_exponent_that_moves_either_way_fails(way: int) -> None:
    def move(new: Document, by: float) -> None:
        new["exponent"] += way * by
        new["interval"] = [edge + way * by for edge in new["interval"]]

    # both half-widths are 0.01: together sqrt(2) 0.01
    assert kinds(lambda new: move(new, 0.0141)) == []
    (finding,) = findings(lambda new: move(new, 0.0143))
    assert finding.kind == "exponent"
    assert f"exponent moved {'up' if way > 0 else 'down'}: 1 in [0.99, 1.01] -> " in finding.why
    assert "by 0.014 where the intervals allow 0.014" in finding.why


def test_a_wider_interval_buys_the_run_nothing() -> None:
    assert kinds(lambda new: new.update(exponent=1.2, interval=[0.7, 1.7])) == ["exponent"]
    assert kinds(lambda new: new.update(interval=[0.5, 1.5])) == []  # the exponent has not moved


def test_a_narrower_interval_tightens_the_comparison() -> None:
    wide = {"exponent": 1.0, "interval": [0.9, 1.1]}
    assert kinds(lambda new: new.update(exponent=1.12), **wide) == []
    assert kinds(lambda new: new.update(exponent=1.12, interval=[1.115, 1.125]), **wide) == ["exponent"]


def test_an_exponent_that_is_lost_or_appears_fails() -> None:
    assert kinds(lambda new: new.update(exponent=None, interval=None)) == ["exponent"]
    nothing = {"exponent": None, "interval": None}
    assert kinds(lambda new: new.update(exponent=1.0, interval=[0.9, 1.1]), **nothing) == ["exponent"]
    assert kinds(lambda new: None, **nothing) == []


def test_without_an_interval_any_move_of_the_exponent_counts() -> None:
    assert kinds(lambda new: new.update(exponent=1.00001), interval=None) == ["exponent"]
    assert kinds(lambda new: new.update(exponent=1.0000001), interval=None) == []


@pytest.mark.parametrize(
    ("old", "new"), [("sharp", "violated"), ("violated", "sharp"), ("sharp", "inconclusive")]
)
def test_a_changed_verdict_fails_both_ways(old: str, new: str) -> None:
    (finding,) = findings(lambda document: document.update(verdict=new), verdict=old)
    assert (finding.kind, finding.why) == ("verdict", f"verdict changed from {old} to {new}")


@pytest.mark.parametrize("end", [0, -1])
@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("metric", ["tv", "kl"])
def test_a_value_that_moves_at_an_end_of_the_sweep_fails(end: int, way: int, metric: str) -> None:
    def scale(new: Document, by: float) -> None:
        new["rows"][end][metric] *= 1 + way * by

    assert kinds(lambda new: scale(new, 0.9e-6)) == []
    (finding,) = findings(lambda new: scale(new, 2e-6))
    assert finding.kind == "value"
    assert f"{metric} at T = {(64, 256)[end]} moved" in finding.why


def test_a_value_may_move_within_the_floors() -> None:
    def move(new: Document, by: float, floor: float) -> None:
        new["rows"][0] |= {"tv": new["rows"][0]["tv"] + by, "tv_floor": floor}

    noisy = {"floor": 1e-4}
    assert kinds(lambda new: move(new, 1.9e-4, 1e-4), **noisy) == []
    assert kinds(lambda new: move(new, -2.1e-4, 1e-4), **noisy) == ["value"]
    assert kinds(lambda new: move(new, 1.9e-4, 1e-9), **noisy) == ["value"]  # a finer run is held to itself
    assert kinds(lambda new: move(new, 3e-4, 1e-2), **noisy) == ["value"]  # a coarser one gains nothing


def test_another_first_or_last_point_fails() -> None:
    assert kinds(lambda new: new["rows"].pop(0)) == ["value"]
    assert kinds(lambda new: new["rows"][-1].update(tv=None)) == ["value"]


def test_a_second_metric_that_is_lost_or_gained_fails() -> None:
    def lose(rows: list[dict[str, Any]]) -> None:
        rows[0]["kl"] = None

    assert kinds(lambda new: lose(new["rows"])) == ["value"]
    old = document()
    lose(old["rows"])
    assert [f.kind for f in compare({"a": record(old)}, {"a": record(document())})] == ["value"]


def test_a_case_that_measured_nothing_fails_alone() -> None:
    nothing = {"rows": [], "exponent": None, "interval": None, "verdict": "failed"}
    (finding,) = findings(lambda new: new.update(nothing))
    assert (finding.kind, finding.why) == ("unmeasured", "measured nothing (verdict failed)")
    assert [f.kind for f in compare({}, {"a": record(document(**nothing))})] == ["unmeasured"]


def test_a_case_that_vanished_fails_and_a_new_one_is_told() -> None:
    a, b = record(document()), record(document(case="b"))
    assert [(f.case, f.kind) for f in compare({"a": a, "b": b}, {"a": a})] == [("b", "vanished")]
    assert [(f.case, f.kind) for f in compare({"a": a}, {"a": a, "b": b})] == [("b", "new")]


def test_a_changed_claim_fails_without_comparing_numbers() -> None:
    assert kinds(lambda new: new.update(claim="toy.sde", verdict="violated", exponent=3.0)) == ["claim"]


def test_several_changes_of_one_case_are_all_told() -> None:
    def spoil(new: Document) -> None:
        new.update(verdict="violated", exponent=0.5, interval=[0.49, 0.51])
        new["rows"][-1]["tv"] *= 8

    assert kinds(spoil) == ["verdict", "exponent", "value"]


def test_findings_stand_in_the_order_of_claims() -> None:
    run = {
        name: record(document(case=name, claim=claim))
        for name, claim in (("a", "z.last"), ("b", "a.first"), ("c", "a.first"))
    }
    assert [finding.case for finding in compare({}, run)] == ["b", "c", "a"]


def test_a_damaged_document_is_named() -> None:
    broken = document()
    del broken["verdict"]
    with pytest.raises(InputError, match="document of case 'a' is damaged"):
        record(broken)


def test_further_swept_variables_are_told() -> None:
    rows = [{"d": d, "T": 64, "tv": 0.1 * d, "tv_floor": 0.0} for d in (2, 8)]
    found = record(document(rows=rows, swept="d", sweep={"T": [64], "d": [2, 8]}))
    assert found["first"]["at"] == {"d": 2, "T": 64}
    assert found["last"]["at"] == {"d": 8, "T": 64}


def test_a_value_without_a_floor_may_not_move() -> None:
    def unknown(found: Document) -> None:
        found["rows"][-1].update(tv_floor=None, floor=None)

    def nudge(new: Document) -> None:
        new["rows"][-1]["tv"] *= 1 + 2e-6

    old, new = document(floor=1e-4), document(floor=1e-4)
    unknown(old)
    unknown(new)
    assert compare({"a": record(old)}, {"a": record(new)}) == []
    nudge(new)
    assert [f.kind for f in compare({"a": record(old)}, {"a": record(new)})] == ["value"]


def test_a_trained_network_is_held_to_its_standard_error() -> None:
    """No other machine trains it to the same digits: it may move by what seeds move it, and no further."""

    def trained(factor: float) -> Document:
        found = document()
        for row in found["rows"]:
            row.update(
                {"tv": row["tv"] * factor, "tv_noise": 0.02 * row["tv"], "tv_floor": None, "floor": None}
            )
        return found

    old = record(trained(1.0))
    assert compare({"a": old}, {"a": record(trained(1.03))}) == []
    assert {f.kind for f in compare({"a": old}, {"a": record(trained(1.05))})} == {"value"}


LEADING = {"power": 1, "log_power": 2, "constant": 0.9, "constant_interval": [0.899, 0.901], "ratio": [1.1]}


@pytest.mark.parametrize("way", [1, -1])
def test_a_constant_that_moves_either_way_fails(way: int) -> None:
    def move(by: float) -> list[Finding]:
        old, new = (
            document() | {"leading": LEADING},
            document() | {"leading": LEADING | {"constant": 0.9 + way * by}},
        )
        return compare({"a": record(old)}, {"a": record(new)})

    assert move(0.0019) == []  # both half-widths are .001
    (finding,) = move(0.0021)
    assert finding.kind == "constant"
    assert "constant moved 0.9 ->" in finding.why


def test_a_leading_term_that_is_lost_or_has_other_powers_fails() -> None:
    has, bare = (record(document() | {"leading": found}) for found in (LEADING, {"note": "no reason"}))
    other = record(document() | {"leading": LEADING | {"log_power": 3}})
    assert [f.kind for f in compare({"a": has}, {"a": bare})] == ["constant"]
    assert [f.kind for f in compare({"a": bare}, {"a": has})] == ["constant"]
    assert [f.kind for f in compare({"a": has}, {"a": other})] == ["constant"]
