"""Runs the cells of docs/notebook.py and writes docs/notebook.ipynb with what they print, show and draw."""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt

HERE = Path(__file__).parent
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def cells(text: str) -> list[tuple[str, str]]:
    """(kind, source) of the cells of a script in percent format."""
    found = []
    for part in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        if "[markdown]" in head:
            found.append(("markdown", re.sub(r"^# ?", "", body.strip(), flags=re.MULTILINE)))
        else:
            found.append(("code", body.strip()))
    return found


def run(source: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """The outputs of a code cell: what it prints, the value of its last line, its figures."""
    tree, outputs, printed = ast.parse(source), [], io.StringIO()
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "<cell>", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last else None
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": printed.getvalue()})
    if hasattr(value, "_repr_html_"):
        data = {"text/html": value._repr_html_(), "text/plain": repr(value)}
        outputs.append(
            {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": None}
        )
    for number in plt.get_fignums():
        picture = io.BytesIO()
        plt.figure(number).savefig(picture, format="png", dpi=110)
        data = {"image/png": base64.b64encode(picture.getvalue()).decode()}
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    plt.close("all")
    return outputs


def notebook(text: str) -> dict[str, Any]:
    """The notebook, nbformat 4.5, of a script in percent format, executed from its first cell on."""
    names: dict[str, Any] = {"__name__": "__main__"}
    made = []
    for i, (kind, source) in enumerate(cells(text)):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{i}", "metadata": {}, "source": source}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": run(source, names)}
        made.append(cell)
    return {"cells": made, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


if __name__ == "__main__":
    made = notebook((HERE / "notebook.py").read_text())
    (HERE / "notebook.ipynb").write_text(json.dumps(made, indent=1) + "\n")
