"""Samplers with one mistake each, and whether a measurement of rates notices."""

from sharpbound.mutants.detect import Finding, agree, compare, detect
from sharpbound.mutants.making import Mutant
from sharpbound.mutants.solvers import SOLVERS
from sharpbound.mutants.table import TABLE

MUTANTS = (*TABLE, *SOLVERS)

__all__ = ["MUTANTS", "Finding", "Mutant", "agree", "compare", "detect"]
