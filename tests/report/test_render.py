"""The files of a report: whole or as they were, the same on every rendering, drawn again only where they changed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from pages import Page
from sharpbound import cli
from sharpbound.errors import InputError
from sharpbound.report import drawings, making, render

RENDER = sys.modules[render.__module__]


def write(folder: Path, documents: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.json").write_text(json.dumps(documents), encoding="utf-8")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_figures_are_svg_files_one_for_each_drawing(site: Path, documents: list[dict[str, Any]]) -> None:
    names = {p.name for p in (site / "figures").iterdir()}
    assert {f"{d['case']}.svg" for d in documents} - names == {"design-space.svg"}  # it declares its own
    assert {
        "design-space-ratio.svg",
        "design-space-loss.svg",
        "design-space-failures.svg",
        "scorecard.svg",
    } <= names
    assert any(name.startswith("claim-") for name in names)
    for path in (site / "figures").iterdir():
        assert path.read_bytes().startswith(b"<?xml")


def test_two_renderings_are_bytewise_the_same(
    run_folder: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn in this process or in several."""
    monkeypatch.setattr(drawings, "FEW", 0)
    assert render(run_folder, tmp_path) == tmp_path / "index.html"
    assert content(tmp_path) == content(site)


def test_what_did_not_change_is_not_drawn_again(
    documents: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    documents = documents[:3]
    render(write(run, documents), out)
    before = content(out)
    drawn: list[str] = []
    draw = drawings.draw
    monkeypatch.setattr(drawings, "draw", lambda subject: drawn.append(subject.anchor) or draw(subject))
    again = [d | {"seconds": 99.0} for d in documents]  # how long it took is in no figure
    render(write(run, again), out)
    assert drawn == []
    assert {name for name, data in content(out).items() if before[name] != data} <= {
        "site.json",
        *(f"cases/{d['case']}.html" for d in documents),
    }
    moved = json.loads(json.dumps(documents))
    moved[0]["title"] = "Another title"
    render(write(run, moved), out)
    assert sorted(drawn) == ["claim-pf-ode-mixture", "pf-ode-mixture"]
    (out / "figures" / "ode-sign-change.svg").unlink()
    drawn.clear()
    render(write(run, moved), out)
    assert drawn == ["ode-sign-change"]


def test_a_site_of_which_nothing_changed_is_left_as_it_is(
    documents: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out, made = write(tmp_path / "run", documents[:1]), tmp_path / "out", []
    make = making.make
    monkeypatch.setattr(making, "make", lambda *args: made.append(1) or make(*args))
    render(run, out)
    before = content(out)
    render(run, out)
    assert (len(made), content(out)) == (1, before)
    (out / "index.html").write_text("mine")
    render(run, out)
    assert (len(made), content(out)) == (2, before)
    (run / "environment.json").write_text('{"sharpbound": "9.9.9"}')
    render(run, out)
    assert len(made) == 3 and "9.9.9" in (out / "index.html").read_text()


def test_pages_of_cases_that_went_go_too_and_other_files_stay(
    documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    render(write(tmp_path / "run", documents[:2]), out)
    (out / "cases" / "mine.toml").write_text("kept")
    assert (out / "cases" / f"{documents[1]['case']}.html").is_file()
    render(write(tmp_path / "run", documents[:1]), out)
    assert {p.name for p in (out / "cases").iterdir()} == {f"{documents[0]['case']}.html", "mine.toml"}
    assert {p.stem for p in (out / "figures").iterdir()} == {documents[0]["case"], "scorecard"}


def test_a_manifest_cannot_reach_outside(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other.txt"
    other.write_text("kept")
    out.mkdir()
    manifest = {"files": ["../other.txt", 7], "figures": {documents[0]["case"]: {"key": 1, "drawings": "x"}}}
    (out / "site.json").write_text(json.dumps(manifest))
    render(write(tmp_path / "run", documents[:1]), out)
    assert other.read_text() == "kept"


def test_a_full_disk_leaves_the_old_pages(
    documents: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    render(write(tmp_path / "run", documents[:1]), out)
    before = content(out)
    whole = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == "verdicts.csv":
            raise OSError(28, "No space left on device")
        return whole(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        render(write(tmp_path / "run", documents[:2]), out)
    assert caught.value.filename == str(out)
    assert content(out) == before


def test_a_folder_that_cannot_be_made_is_one_line(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="cannot be written to"):
        render(write(tmp_path / "run", documents[:1]), tmp_path / "file" / "out")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_name_that_is_taken_by_a_folder_is_one_line(
    documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "out" / "verdicts.csv").mkdir(parents=True)
    with pytest.raises(InputError, match=r"verdicts\.csv is a folder\); nothing there was changed") as caught:
        render(write(tmp_path / "run", documents[:1]), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").glob(".writing-*"))


def test_hard_documents_still_give_pages(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    base = json.loads(json.dumps(documents[0]))
    nulls = base | {"case": "nulls", "rows": [r | {"tv": None} for r in base["rows"]]}
    signs = base | {
        "case": "signs",
        "rows": [
            r | {"tv": v} for r, v in zip(base["rows"], [2, 1, 0, -1, 0.5, 0.25, None, 1e-300], strict=True)
        ],
    }
    single = base | {
        "case": "single", "rows": base["rows"][:1], "details": {"axis": "T"}, "exponent": None, "interval": None
    }  # fmt: skip
    bare = {"case": "bare"}
    empty = base | {
        "case": "empty", "rows": [], "details": None, "claim_info": None, "spec": None, "interval": [None, None]
    }  # fmt: skip
    long = base | {"case": "long", "title": "Wörter 数学 ∮ " * 60}
    constant = base | {"case": "constant", "rows": [r | {"tv": 0.25} for r in base["rows"]]}
    cases = [nulls, signs, single, bare, empty, long, constant]
    out = tmp_path / "out"
    render(write(tmp_path / "run", cases), out)
    assert {p.stem for p in (out / "cases").iterdir()} == {c["case"] for c in cases}
    assert "no value" in Page(out / "cases" / "nulls.html").words
    assert "in the fit" not in Page(out / "cases" / "bare.html").words  # no rate is read off it
    assert "not positive" in Page(out / "cases" / "signs.html").words
    assert "This run recorded no environment." in Page(out / "index.html").words
    assert {p.stem for p in (out / "figures").iterdir()} >= {"signs", "single", "long", "constant"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there are no results; make some with: sharpbound run --all"),
        ("[]", "holds no case; make some with: sharpbound run --all"),
        ("{", "is not readable as JSON"),
        ("[1]", "is not a list of case documents"),
        ('[{"case": "a"}, {"case": "a"}]', "two cases are named 'a'"),
    ],
)
def test_missing_or_bad_results_are_one_line(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "cases.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        render(tmp_path, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "pie"}, ".type: unknown type 'pie'; choose one of lines, bars"),
        ({"x": {"scale": "cubic"}}, ".x.scale: unknown scale 'cubic'"),
        ({"z": {"values": [[1, 2], [3]]}}, ".z.values: needs a rectangular table"),
        ({"x": {"values": [1]}}, ".x.values: has 1 values for 6 cells"),
        ({"series": [{"x": [1], "y": [1, 2]}]}, ".series: needs x and y of one length"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_named(
    documents: list[dict[str, Any]], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    case = json.loads(json.dumps(documents[7]))
    case["details"]["figures"] = [case["details"]["figures"][0] | change]
    with pytest.raises(InputError, match=re.escape(f"case design-space: details.figures{message}")):
        render(write(tmp_path, [case]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


# -- through the command line ------------------------------------------------------------------


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["sharpbound", *map(str, arguments)])
    return cli.main()


def test_report_export_and_compare_as_commands(
    documents: list[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What goes where, and the exit statuses: 0 done or the same, 1 something moved, 2 a mistake."""
    cases = [d for d in documents if d["case"] != "design-space"][:2]
    old = write(tmp_path / "old", cases)
    assert command(monkeypatch, "report", "--input", old) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"written to {old / 'index.html'}\n")
    assert (
        command(monkeypatch, "export", cases[0]["case"], "--input", old, "--output", tmp_path / "paper") == 0
    )
    assert (tmp_path / "paper" / "example.tex").is_file()
    assert "see example.tex" in capsys.readouterr().err

    moved = json.loads(json.dumps(cases))
    moved[0]["verdict"] = "loose"
    new = write(tmp_path / "new", moved)
    assert command(monkeypatch, "compare", old, old, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"cases": 2, "same": True, "counts": {}, "moved": []}
    assert command(monkeypatch, "compare", old, new, "--output", tmp_path / "moved") == 1
    out = capsys.readouterr().out
    assert "verdict changed from sharp to loose" in out
    assert {p.name for p in (tmp_path / "moved").iterdir()} == {"moved.json", "moved.md", "moved.svg"}
    assert json.loads((tmp_path / "moved" / "moved.json").read_text())["counts"] == {"verdict": 1}

    for arguments in (
        ("export", "nobody2020", "--input", old, "--output", tmp_path / "no"),
        ("export", cases[0]["case"], "--input", tmp_path, "--output", tmp_path / "no"),
        ("report", "--pdf", "--input", tmp_path),
        ("compare", old, tmp_path),
    ):
        assert command(monkeypatch, *arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "audit"), {"scheduler": 7.0}),
        (("leading",), {"constant": 1.0, "decides": True}),
        (("claim_info", "paper"), []),
        (("details", "bound"), {"a": 1}),
        (("rows", 0), {"T": "x"}),
    ],
)
def test_documents_that_lack_what_they_had_or_hold_something_else_give_pages(
    documents: list[dict[str, Any]], tmp_path: Path, path: tuple[Any, ...], value: Any
) -> None:
    case = json.loads(json.dumps(documents[0]))
    inside = case
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    render(write(tmp_path / "run", [case]), tmp_path / "out")
    assert Page(tmp_path / "out" / "cases" / "pf-ode-mixture.html").all("h1")


def test_a_document_that_cannot_be_read_is_one_line(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    run = write(tmp_path / "run", [documents[0] | {"swept": ["T"]}])
    with pytest.raises(InputError, match="case 'pf-ode-mixture', swept: ") as caught:
        render(run, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert str(run) in str(caught.value)
    assert not (tmp_path / "out").exists()
