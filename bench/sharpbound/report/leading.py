"""The leading term of a case, as far as its document tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sharpbound.records.leading import known_digits
from sharpbound.records.values import finite, pair


@dataclass(frozen=True)
class LeadingTerm:
    """error ~ constant (log T)^log_power / T^power as T -> oo, the constant known to ``half_width``."""

    constant: float
    half_width: float
    power: float
    log_power: float

    @property
    def digits(self) -> int:
        """Significant digits of the constant that its interval bears out."""
        return known_digits(self.constant, self.half_width)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> LeadingTerm | None:
        """Of `CaseDocument.leading`; None where there is none, or not all of it is told."""
        numbers = [finite(told.get(name)) for name in ("constant", "power", "log_power")]
        ends = pair(told.get("constant_interval"))
        constant, power, log_power = numbers
        if constant is None or power is None or log_power is None or ends is None:
            return None
        return cls(constant, 0.5 * (ends[1] - ends[0]), power, log_power)
