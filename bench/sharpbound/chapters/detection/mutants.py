"""Samplers with one mistake each, and whether a measurement of rates notices."""

from sharpbound.chapters.detection.accelerated import ACCELERATED
from sharpbound.chapters.detection.detect import Finding, agree, compare, detect
from sharpbound.chapters.detection.making import Mutant
from sharpbound.chapters.detection.solvers import SOLVERS
from sharpbound.chapters.detection.table import TABLE

MUTANTS = (*TABLE, *ACCELERATED, *SOLVERS)

__all__ = ["MUTANTS", "Finding", "Mutant", "agree", "compare", "detect"]
