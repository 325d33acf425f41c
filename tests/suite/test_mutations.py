"""Thousands of damaged files: each loads, or is refused in one printable line. Never a traceback."""

import copy
import json
import random
import tomllib
from pathlib import Path

import pytest

from sharpbound.errors import InputError
from sharpbound.run.cases import validate_case
from sharpbound.suite import load_case, load_claims, load_theory

DATA = Path(__file__).parent / "data"
CASES = [path.read_text() for path in sorted((DATA / "cases").glob("*.toml"))]
THEORY = [(DATA / "theory" / "toy2020.toml").read_text()]

HOSTILE = [
    *[
        "true",
        "false",
        "nan",
        "inf",
        "-inf",
        "-1",
        "0",
        "1e308",
        "-1e-320",
        "2.5",
        "1e400",
        "9007199254740993",
    ],
    "9" * 40,
    "9" * 5000,
    '""',
    '"x"',
    '"tv\\n"',
    '"\\u0000"',
    '"\\u202e\\U0001F600é"',
    '"' + "a" * 700 + '"',
    "\"__import__('os')\"",
    '"9**9**9**9**T"',
    '"(((((("',
    "[]",
    "{}",
    "[[], {}]",
    '[1, "a", true]',
    "{ a = { b = [1] } }",
    "[" * 30 + "]" * 30,
    "1979-05-27",
    "1979-05-27T07:32:00Z",
    "07:32:00",
]


class Raw(str):
    """TOML text that stands for a value."""


def toml(value) -> str:
    """``value`` as inline TOML."""
    match value:
        case Raw():
            return str(value)
        case dict():
            return (
                "{ "
                + ", ".join(f"{json.dumps(k, ensure_ascii=False)} = {toml(v)}" for k, v in value.items())
                + " }"
            )
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def places(value, at=()):
    """All (container, key) pairs of a tree."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from places(item, (*at, key))


def misspelt(key: str, random: random.Random) -> str:
    i = random.randrange(len(key) + 1)
    return random.choice(
        [key[:i] + key[i + 1 :], key[:i] + "e" + key[i:], key.upper(), key + " ", "é" + key, ""]
    )


def damage_tree(text: str, random: random.Random) -> bytes:
    """One to three keys deleted, renamed, moved, or given another value."""
    tree = copy.deepcopy(tomllib.loads(text))
    for _ in range(random.choice([1, 1, 2, 3])):
        found = list(places(tree))
        if not found:
            break
        container, key = random.choice(found)
        match random.choice(["delete", "rename", "replace", "replace", "wrap", "steal", "add"]):
            case "delete":
                del container[key]
            case "rename" if isinstance(container, dict):
                container[misspelt(key, random)] = container.pop(key)
            case "wrap":
                container[key] = random.choice(
                    [[container[key]], {"x": container[key]}, [container[key]] * 2]
                )
            case "steal":
                other, name = random.choice(found)
                container[key] = copy.deepcopy(other[name]) if name in other or isinstance(other, list) else 1
            case "add" if isinstance(container, dict):
                container[random.choice(["x", "T", "metric", "paper", "control", "file", "_spec"])] = Raw("3")
            case _:
                container[key] = Raw(random.choice(HOSTILE))
    return "\n".join(f"{json.dumps(k)} = {toml(v)}" for k, v in tree.items()).encode("utf-8", "surrogatepass")


def damage_text(text: str, random: random.Random) -> bytes:
    """Lines doubled, dropped or swapped, the end cut off, bytes changed."""
    lines = text.splitlines(keepends=True)
    i, j = random.randrange(len(lines)), random.randrange(len(lines))
    match random.choice(["double", "drop", "swap", "cut", "flip", "insert", "noise", "sign"]):
        case "double":
            lines.insert(i, lines[j])
        case "drop":
            del lines[i]
        case "swap":
            lines[i], lines[j] = lines[j], lines[i]
        case "sign":
            return text.replace("= ", "= -", 1 + random.randrange(4)).encode()
        case "noise":
            return random.randbytes(random.randrange(200))
        case kind:
            raw = bytearray(text.encode())
            at = random.randrange(len(raw))
            if kind == "cut":
                return bytes(raw[:at])
            if kind == "flip":
                raw[at] = random.randrange(256)
            else:
                raw[at:at] = random.choice(
                    [b"\xff", b"\x00", b"\r", b'"', b"[", b"}", b"\n", "é".encode(), b"''' "]
                )
            return bytes(raw)
    return "".join(lines).encode()


def check(load, path: Path, raw: bytes) -> bool:
    """Whether the damaged file still loads; fails on anything but a clean refusal."""
    path.write_bytes(raw)
    try:
        load(path)
    except InputError as error:
        for line in str(error).split("\n"):
            assert line.startswith(f"{path}: "), (line, raw)
            assert line.isprintable(), (line, raw)
            assert len(line) < 1000, (line, raw)
        return False
    return True


@pytest.mark.parametrize("damage", [damage_tree, damage_text])
@pytest.mark.parametrize(
    ("load", "texts"), [(load_case, CASES), (load_claims, THEORY)], ids=["cases", "theory"]
)
def test_damaged_files(tmp_path, damage, load, texts):
    generator = random.Random(20240229)
    path = tmp_path / "file.toml"
    loaded = sum(check(load, path, damage(generator.choice(texts), generator)) for _ in range(800))
    assert 0 < loaded < 640  # damage is neither always fatal nor mostly harmless, or the test would be idle


def test_damaged_cases_against_the_real_theory_and_experiment(tmp_path):
    pytest.importorskip("sharpbound.chapters.sampling_rate.study")
    theory = load_theory()
    generator = random.Random(31)
    path = tmp_path / "file.toml"
    for _ in range(500):
        raw = damage_tree(generator.choice(CASES[:1] + CASES[2:]), generator)
        check(lambda path: validate_case(load_case(path), theory), path, raw)
