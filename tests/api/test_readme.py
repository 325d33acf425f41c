"""The session of the README, line by line, and the notebook of docs/."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def _from_the_root(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("SHARPBOUND_CACHE", str(tmp_path))
    yield
    plt.close("all")


@pytest.mark.usefixtures("_from_the_root")
def test_session_of_the_readme_prints_what_it_says():
    text = (ROOT / "README.md").read_text()
    (session,) = re.findall(r"```python\n(import sharpbound as sb.*?)```", text, flags=re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(session, "README.md", "exec"), {})
    said = [re.split(r"\)\s+# ", line)[-1] for line in session.splitlines() if line.startswith("print(")]
    assert printed.getvalue().splitlines() == said
    assert len(session.splitlines()) <= 16


def test_notebook_is_that_of_its_script_with_figures():
    made = json.loads((ROOT / "docs" / "notebook.ipynb").read_text())
    spec = importlib.util.spec_from_file_location("make_notebook", ROOT / "docs" / "make_notebook.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    sources = [(cell["cell_type"], cell["source"]) for cell in made["cells"]]
    assert sources == maker.cells((ROOT / "docs" / "notebook.py").read_text())
    assert (made["nbformat"], made["nbformat_minor"]) == (4, 5)
    kinds = [out["output_type"] for cell in made["cells"] for out in cell.get("outputs", [])]
    assert kinds.count("display_data") == 2
    first = next(cell for cell in made["cells"] if cell["cell_type"] == "code")
    names = {}
    (shown,) = maker.run(first["source"], names)
    assert shown["data"]["text/plain"] == first["outputs"][0]["data"]["text/plain"]
