"""The claims and the cases of the suite, read once for all tests of a process."""

from __future__ import annotations

from sharpbound.suite import load_cases, load_theory

THEORY = load_theory()
CASES = load_cases()
