"""The result folder of a run: what was measured (documents and tidy rows) and in which environment."""

from __future__ import annotations

import io
import lzma
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sharpbound
from sharpbound.places import CHECKOUT
from sharpbound.records import numbers, untested
from sharpbound.records.document import CaseDocument
from sharpbound.records.files import (
    DOCUMENTS,
    read_json,
    strict_json,
    write_atomically,
    write_together,
)
from sharpbound.run.attempt import Failure

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "case", "claim", "target", "sampler", "schedule", "swept", "x", "metric", "value", "floor", "floor_kind", "engine",
)  # fmt: skip
PACKAGES = ("numpy", "scipy", "torch", "pot", "pandas")
"""Those that numbers may depend on."""


def write_results(folder: Path, documents: Sequence[CaseDocument]) -> None:
    """Write cases.json, rows.parquet, rows.csv and environment.json, all of them or none."""
    frame = tidy(documents)
    parquet = io.BytesIO()
    frame.to_parquet(parquet, index=False)
    files: dict[str, str | bytes] = {
        "rows.parquet": parquet.getvalue(),
        "rows.csv": frame.to_csv(index=False),
        "environment.json": strict_json(environment(), indent=2) + "\n",
        "cases.json": strict_json([document.as_json() for document in documents], indent=1) + "\n",
    }
    write_together(folder, files)


BESIDE = ("environment.json", numbers.FILE, untested.FILE)
"""What a site of a run shows beside its documents."""


def freeze(folder: Path, documents: Sequence[CaseDocument], source: Path | None) -> None:
    """Keep a run for history: its documents (``cases.json.xz``), ``rows.parquet`` and what of `BESIDE` there is.

    source : the folder of a whole run, of which these are kept; None for some cases measured anew, which take the
        place of theirs among what is kept. Where nothing is kept yet they are no snapshot, and none is made.
    """
    if source is None:
        frozen = folder / DOCUMENTS[1]
        if not frozen.is_file():
            return
        fresh = {document.case: document for document in documents}
        before = read_json(frozen, "write it anew with: sharpbound gate --update")
        kept = {one.case: one for one in map(CaseDocument.read, before)}
        documents = list((kept | fresh).values())
    parquet = io.BytesIO()
    tidy(documents).to_parquet(parquet, index=False)
    text = strict_json([document.as_json() | {"seconds": None} for document in documents])
    files: dict[str, str | bytes] = {
        DOCUMENTS[1]: lzma.compress(text.encode()),
        "rows.parquet": parquet.getvalue(),
    }
    if source is not None:
        files |= {name: path.read_bytes() for name in BESIDE if (path := source / name).is_file()}
    write_together(folder, files)


def write_log(folder: Path, failures: Mapping[str, Failure]) -> Path:
    """Write why cases failed, with tracebacks, to ``failures.log``, or remove an old one; the path."""
    path = folder / "failures.log"
    traced = {case: failure for case, failure in failures.items() if failure.trace}
    if not traced:
        path.unlink(missing_ok=True)
        return path
    write_atomically(path, "\n".join(f"{case}: {f.reason}\n{f.trace}" for case, f in traced.items()))
    return path


def tidy(documents: Sequence[CaseDocument]) -> pd.DataFrame:
    """One line per case, swept value and metric; further variables of a sweep in columns of their own."""
    import pandas as pd

    records = [record for document in documents for record in _records(document)]
    frame = pd.DataFrame(records, columns=list(dict.fromkeys([*COLUMNS, *(k for r in records for k in r)])))
    return frame.astype({"x": float, "value": float, "floor": float})


def _records(document: CaseDocument) -> Iterator[dict[str, Any]]:
    spec = document.spec
    for row in document.rows:
        for metric, found in row.measured.items():
            yield {
                "case": document.case,
                "claim": document.claim,
                "target": spec.get("target", {}).get("family"),
                "sampler": spec.get("sampler", {}).get("name"),
                "schedule": spec.get("forward", {}).get("schedule"),
                "swept": document.swept,
                "x": row.point.get(document.swept),
                "metric": metric,
                "value": found.value,
                "floor": found.floor,
                "floor_kind": found.kind,
                "engine": found.engine,
            } | {name: value for name, value in row.point.items() if name != document.swept}


def environment() -> dict[str, Any]:
    """What the numbers were made with. No host, user or path."""
    from joblib import cpu_count

    from sharpbound.run.fingerprint import engine

    return {
        "sharpbound": sharpbound.__version__,
        "engine": engine()[:16],
        "revision": revision(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "system": platform.system(),
        "machine": platform.machine(),
        "cpus": cpu_count(),
    }


def revision() -> str | None:
    """The commit of this checkout, with ``-dirty`` where the code differs from it; None without git."""
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=40", "--match="]
    if not (CHECKOUT / ".git").exists():
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
