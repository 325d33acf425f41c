"""What is predicted (``theory/``) and what is tested (``cases/``)."""

from sharpbound.formulas.formula import Formula
from sharpbound.suite.assumptions import check_assumption
from sharpbound.suite.case import Case
from sharpbound.suite.claim import Claim, Paper
from sharpbound.suite.loading import (
    Theory,
    find_claim,
    load_case,
    load_cases,
    load_claims,
    load_theory,
    read_cases,
    read_theory,
)

__all__ = [
    "Case",
    "Claim",
    "Formula",
    "Paper",
    "Theory",
    "check_assumption",
    "find_claim",
    "load_case",
    "load_cases",
    "load_claims",
    "load_theory",
    "read_cases",
    "read_theory",
]
