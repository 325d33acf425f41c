"""``render``: a run's result files in, a site out. All is made before anything is written.

What was made is remembered beside it (`sharpbound.report.manifest`): where nothing changed nothing is made, a figure
whose content and code are unchanged is taken as it lies there, and files that are no longer part of the site are
removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sharpbound.records.files import write_together
from sharpbound.report.manifest import FILE, Manifest, digest, made_of

if TYPE_CHECKING:
    from sharpbound.report.drawings import Drawn, Track

INDEX = "index.html"


def _untracked(drawn: Iterable[list[Drawn]], total: int) -> Iterable[list[Drawn]]:
    return drawn


def render(input_dir: Path | str, output_dir: Path | str, track: Track = _untracked) -> Path:
    """Write the site (``index.html``, pages, ``figures/``), ``table.tex``, ``references.bib``, ``verdicts.*``.

    ``track`` wraps what is drawn, given its number, for a progress bar (``rich.progress.track``). Equal inputs give
    equal bytes. Returns the path of the index. Raises InputError if there are no results in ``input_dir``, a figure
    that a case declares cannot be drawn, or ``output_dir`` cannot be written to; nothing is written then.
    """
    source, output = Path(input_dir), Path(output_dir)
    before, content = Manifest.read(output), made_of(source)
    if before.stands(output, content):
        return output / INDEX
    from sharpbound.report.making import make  # which loads all that draws

    files, made = make(source, output, before, track)
    told = {name: digest(data) for name, data in sorted(files.items())}
    files[FILE] = replace(made, made_of=content, files=told).as_json()
    write_together(output, files)
    for name in set(before.files) - set(files):
        if (output / name).resolve().is_relative_to(output.resolve()):
            (output / name).unlink(missing_ok=True)
    return output / INDEX
