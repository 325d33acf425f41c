"""How a law C (log T)^a / T^p reads in a line of text."""

from __future__ import annotations

import math


def powers(power: float, logs: float) -> str:
    """(log T)^logs / T^power, as "log^2 T/T"; "1/T" without a logarithm."""
    log = "1" if logs == 0 else "log T" if logs == 1 else f"log^{logs:g} T"
    return log + ("" if power == 0 else "/T" if power == 1 else f"/T^{power:g}")


MOST_DIGITS = 7
"""Of a constant, however well it is known."""


def known_digits(constant: float, half_width: float) -> int:
    """Significant digits of a constant that its interval bears out: the last one is right up to one unit."""
    if not constant or not math.isfinite(half_width):
        return 1
    if half_width <= 0:
        return MOST_DIGITS
    leading, unsure = math.floor(math.log10(abs(constant))), math.ceil(math.log10(half_width))
    return min(max(leading - unsure + 1, 1), MOST_DIGITS)


def known(constant: float, half_width: float) -> str:
    """The constant in so many digits."""
    digits = known_digits(constant, half_width)
    return f"{constant:#.{digits}g}".rstrip(".")


def ends(interval: tuple[float, float]) -> str:
    """An interval of a constant, in two digits more than it knows of it."""
    low, high = interval
    digits = known_digits(0.5 * (low + high), 0.5 * (high - low)) + 2
    return f"{low:.{digits}g} to {high:.{digits}g}"


def law_in_words(constant: float, logs: float, power: float, half_width: float) -> str:
    """As "0.90739 log^2 T/T", the constant known to ``half_width``."""
    rest = powers(power, logs)
    return known(constant, half_width) + (rest[1:] if logs == 0 else f" {rest}")
