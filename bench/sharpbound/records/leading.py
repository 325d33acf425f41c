"""How a law C (log T)^a / T^p reads in a line of text."""

from __future__ import annotations


def powers(power: float, logs: float) -> str:
    """(log T)^logs / T^power, as "log^2 T/T"; "1/T" without a logarithm."""
    log = "1" if logs == 0 else "log T" if logs == 1 else f"log^{logs:g} T"
    return log + ("" if power == 0 else "/T" if power == 1 else f"/T^{power:g}")


def law_in_words(constant: float, logs: float, power: float) -> str:
    """As "0.90739 log^2 T/T"."""
    rest = powers(power, logs)
    return f"{constant:.6g}" + (rest[1:] if logs == 0 else f" {rest}")
