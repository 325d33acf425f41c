"""Whether a case runs a sampler that its claim speaks of: a theorem about one method says nothing of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharpbound import foreign
from sharpbound.suite.claim import listed, sampler_table
from sharpbound.suite.hypotheses import SAMPLER, CheckedAssumption

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim


def sampler_meant(case: Case, claim: Claim) -> list[CheckedAssumption]:
    """One assumption where the claim names its samplers and the case runs one, else none.

    Left open for a sampler of the user's own: it may well be the method that the theorem is about.
    """
    if not claim.samplers or "name" not in case.sampler or case.audit:
        return []
    own = foreign.is_foreign(case.sampler["name"])
    meant = None if own else any(_is(case.sampler, sampler_table(one)) for one in claim.samplers)
    return [CheckedAssumption(f"the sampler is {listed(claim.samplers)}", SAMPLER, meant)]


def _is(spec: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether the [sampler] table ``spec`` is of this name, and with the parameters that are named."""
    if spec["name"] != wanted["name"]:
        return False
    if len(wanted) == 1:
        return True
    from sharpbound import samplers  # a name alone decides most cases, without the numerics

    values = samplers.parameters(samplers.build(spec)) | {"name": spec["name"]}
    return wanted.items() <= values.items()
