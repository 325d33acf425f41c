"""What continuous integration uses: exit statuses, badges, JUnit's files, and the workflow of docs/audit.md."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sharpbound.chapters.audit.judging import STATUS
from sharpbound.cli import main
from sharpbound.run.badge import COLOURS, words, write_badge

PAGE = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")
QUICK = ["--ladder", "even", "--steps", "12,24,48"]


@pytest.fixture
def audit(monkeypatch, capsys, tmp_path):
    """Runs ``sharpbound audit`` beside the samplers of others: status, output, errors."""
    monkeypatch.chdir(Path(__file__).parent / "of_others")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["sharpbound", "audit", *map(str, arguments)])
        return main(), *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("sampler", "order", "status", "message", "colour"),
    [
        ("steppers:heun", 2, 0, "reached (2.04)", "brightgreen"),
        ("steppers:heun", 3, 1, "not reached (2.04)", "red"),
    ],
)
def test_statuses_and_files(audit, tmp_path, sampler, order, status, message, colour):
    badge, junit, picture = (tmp_path / name for name in ("b.json", "j.xml", "b.svg"))
    words = [sampler, "--convention", "denoiser", "--order", order, "--junit", junit, *QUICK]
    assert audit(*words, "--badge", badge)[0] == status
    told = json.loads(badge.read_text())
    assert told == {"schemaVersion": 1, "label": f"order {order}", "message": message, "color": colour}
    (case,) = ElementTree.parse(junit).getroot()
    assert (case.find("failure") is not None) == (status == 1)
    assert audit(*words, "--badge", picture)[0] == status
    assert ElementTree.parse(picture).getroot().attrib["aria-label"] == f"order {order}: {message}"


def test_every_verdict_has_a_status_and_a_colour(tmp_path):
    for verdict, status in STATUS.items():
        found = {"verdict": verdict, "exponent": None, "nominal": 2.0}
        write_badge(tmp_path / f"{verdict}.svg", found, status)
        assert (
            ElementTree.parse(tmp_path / f"{verdict}.svg").getroot()[1].attrib["fill"] == COLOURS[status][1]
        )
    assert words({"same_as": "a<b", "verdict": "parts"}) == ("same as a<b", "no")
    write_badge(tmp_path / "a.svg", {"same_as": "a<b", "verdict": "parts"}, 1)
    assert ElementTree.parse(tmp_path / "a.svg").getroot().attrib["aria-label"] == "same as a<b: no"


def test_statuses_are_those_of_the_page():
    stated = dict(re.findall(r"^\| `([a-z ]+)` \| (\d) \|", PAGE, re.M))
    of_audits = {name: str(status) for name, status in STATUS.items() if name not in ("same", "parts")}
    assert stated == of_audits
    rows = re.findall(r"^\| (\d) \| (?:passes|fails) \|(.*)\|$", PAGE, re.M)
    assert {
        (name, int(status)) for status, names in rows for name in re.findall("`([a-z ]+)`", names)
    } == set(STATUS.items())


@pytest.mark.parametrize("name", ["order.png", "order"])
def test_a_badge_of_another_format_is_refused_before_anything_is_measured(audit, name):
    status, out, err = audit("steppers:heun", "--order", 2, "--badge", name)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "--badge: name a file that ends in .json or .svg" in err


def test_commands_of_the_workflow_are_commands(audit):
    """Those of the page with the name of a sampler that there is."""
    commands = re.findall(r"(?:run|entry): sharpbound audit (.*)", PAGE)
    assert len(commands) == 3
    for command in commands:
        words = shlex.split(command)
        kind = "schedules:Flow" if "schedulers" in words[0] else "steppers:heun"
        options = [word for word in words[1:] if not word.endswith((".xml", ".json", ".svg"))]
        options = [word for word in options if word not in ("--junit", "--badge", "--order", "2")]
        extra = ["--steps", "8,16,32"] if kind == "schedules:Flow" else QUICK
        assert audit(kind, *options, "--order", 1 if kind == "schedules:Flow" else 2, *extra)[0] == 0


def test_the_workflow_is_yaml():
    yaml = pytest.importorskip("yaml")
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    workflow, hooks = map(yaml.safe_load, blocks)
    steps = workflow["jobs"]["audit"]["steps"]
    assert [step["run"].split()[0] for step in steps if "run" in step] == ["pip", "sharpbound", "sharpbound"]
    assert hooks["repos"][0]["hooks"][0]["id"] == "order"
