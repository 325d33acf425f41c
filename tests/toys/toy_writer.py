"""A process that writes one entry of a cache over and over."""

from __future__ import annotations

from pathlib import Path

from sharpbound.chapters.base import Cell
from sharpbound.run.cache import Cache, Entry

CELL = Cell("toy", {"T": 64, "c": [0.1, 1e-300]})
ROWS = [{"values": list(range(1000))}]


def write_often(place: Path | str) -> None:
    for _ in range(60):
        Cache(place).put(CELL, Entry(ROWS, 0.0))
