"""What ``sharpbound gate`` prints and decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sharpbound.errors import InputError
from sharpbound.gate.compare import compare
from sharpbound.gate.record import measured
from sharpbound.gate.reference import NAME, differences, read_reference, records, write_reference
from sharpbound.records.document import CaseDocument

if TYPE_CHECKING:
    from sharpbound.suite import Case


def judge(
    folder: Path,
    documents: Iterable[CaseDocument],
    *,
    partial: bool,
    strict: bool,
    lacking: Callable[[Case], str | None],
) -> bool:
    """Print one line per difference and a summary; whether the run holds to the reference in ``folder``.

    ``partial``: only the cases of ``documents`` are asked for; otherwise a case that is missing has vanished.
    A partial run asks for cases by name, so one that the reference lacks fails as in ``strict``.
    ``lacking``: why a case cannot be measured on this machine, or None.
    """
    reference, run = read_reference(folder), records(documents)
    absent = reference.keys() - run.keys()
    absent = absent if partial else _unmeasurable(absent, lacking)
    reference = {case: found for case, found in reference.items() if case not in absent}
    findings = compare(reference, run)
    failed = [finding for finding in findings if finding.kind != "new" or strict or partial]
    for finding in findings:
        print(f"{'FAIL' if finding in failed else 'new '} {finding}")
    cases = len({finding.case for finding in failed})
    told = f", {len(findings) - len(failed)} new" if len(findings) > len(failed) else ""
    print(f"{len(reference.keys() & run.keys())} cases compared, {cases} failed{told}")
    if any(finding.kind == "new" for finding in failed):
        print("record new cases with: sharpbound gate --update")
    return not failed


def _unmeasurable(absent: Collection[str], lacking: Callable[[Case], str | None]) -> set[str]:
    """Those of the ``absent`` cases that no run on this machine has: an extra is missing, which is told."""
    from sharpbound.suite import load_cases

    cases = [case for case in load_cases() if case.id in absent] if absent else []
    left_out = {case.id: f"{case.kind} cases, {why}" for case in cases if (why := lacking(case))}
    for what, count in sorted(Counter(left_out.values()).items()):
        print(f"left out: {count} {what}")
    return set(left_out)


def rewrite(folder: Path, documents: Iterable[CaseDocument], *, partial: bool) -> bool:
    """Rewrite the reference and print what moved; whether every case had something to record.

    ``partial``: only the records of ``documents`` are rewritten, the others stay. A case that measured
    nothing is not recorded, for a reference of it would let everything pass.
    """
    try:
        old = read_reference(folder)
    except InputError:
        if partial and (folder / NAME).is_file():
            raise  # the lines to keep cannot be read
        old = {}
    run = records(documents)
    kept = {case: found for case, found in run.items() if measured(found)}
    others = {case: found for case, found in old.items() if partial and case not in run}
    for line in differences(old, new := others | kept):
        print(line)
    write_reference(folder, new)
    for case in sorted(run.keys() - kept.keys()):
        print(f"not recorded: {case} measured nothing (verdict {run[case]['verdict']})")
    print(f"{len(new)} cases in {folder / NAME}")
    return len(kept) == len(run)
