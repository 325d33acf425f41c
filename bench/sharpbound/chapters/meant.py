"""Whether a case runs a sampler that its claim speaks of: a theorem about one method says nothing of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharpbound import foreign
from sharpbound.suite.claim import listed
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
    meant = None if own else any(_is(case.sampler, one) for one in claim.samplers)
    return [CheckedAssumption(f"the sampler is {listed(claim.samplers)}", SAMPLER, meant)]


def _is(spec: dict[str, Any], wanted: str | dict[str, Any]) -> bool:
    """Whether the [sampler] table ``spec`` is of this name, and with the parameters that are named."""
    from sharpbound import samplers  # a name alone decides most cases, without the numerics

    name, *keys = [wanted] if isinstance(wanted, str) else [wanted["name"], *(set(wanted) - {"name"})]
    if spec["name"] != name:
        return False
    if not keys:
        return True
    values = samplers.parameters(samplers.build(spec))
    return isinstance(wanted, dict) and all(values[key] == wanted[key] for key in keys)
