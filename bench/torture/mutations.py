"""Damaged case and theory files without end: the suite's own, with values, keys, structure or bytes changed."""

from __future__ import annotations

import copy
import json
import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sharpbound.foreign import NAMES
from sharpbound.places import default_directory

HOSTILE = (
    *("true", "false", "nan", "inf", "-inf", "-1", "0", "1", "2", "0.5", "-0.0", "5e-324", "1e400", "1e-400"),
    *("1000000000000", "9007199254740992", "9223372036854775808", "9" * 5000),
    *('""', '"x"', '"tv\\n"', '"\\u0000"', '"\\u202e\\U0001F600é"', '"' + "a" * 700 + '"', '"a:b"', '"os:system"'),
    *("[]", "{}", "[[], {}]", '[1, "a", true]', "{ a = { b = [1] } }", "[" * 30 + "1" + "]" * 30, "[0.1, 0.1]"),
    *("1979-05-27", "1979-05-27T07:32:00Z", "07:32:00"),
    *('"exp(exp(exp(20)))*x"', '"x**sin(exp(1e80))"', '"1/0"', '"x**sqrt(-1)"', '"9**9**9**9"', '"(((((("'),
    *('"' + "tanh(" * 28 + "x" + ")" * 28 + '"', '"' + "~" * 500 + 'x"', "\"__import__('os')\"", '"T/log(T)"'),
)  # fmt: skip
"""TOML values of every type, and formulas, that no case means."""
OWN = Path(__file__).with_name("hostile.py")
"""The module whose objects damaged cases name; it has to lie beside them."""


class Raw(str):
    """TOML text that stands for a value."""


def toml(value: Any) -> str:
    """``value`` as inline TOML."""
    match value:
        case Raw():
            return str(value)
        case dict():
            return "{ " + ", ".join(f"{key(k)} = {toml(v)}" for k, v in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case float():
            return repr(value) if any(c in repr(value) for c in ".nf") else repr(value).replace("e", ".0e")
    return json.dumps(value, ensure_ascii=False)


def key(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def document(tree: dict[str, Any]) -> str:
    """A TOML file of these tables."""
    return "\n".join(f"{key(name)} = {toml(value)}" for name, value in tree.items()) + "\n"


def small(case: dict[str, Any]) -> dict[str, Any]:
    """The case with short sweeps, as the point is what becomes of it and not its numbers."""
    case = copy.deepcopy({name: table for name, table in case.items() if name != "full"})
    for name, values in case["sweep"].items():
        case["sweep"][name] = [24, 28] if name == "T" and len(values) > 1 else values[:2]
    return case


def case_trees() -> list[dict[str, Any]]:
    """Every case of the suite, made small."""
    return [
        small(tomllib.loads(path.read_text())) for path in sorted(default_directory("cases").rglob("*.toml"))
    ]


def theory_trees() -> list[dict[str, Any]]:
    """Every theory file of the suite, with its first claims."""
    trees = [tomllib.loads(path.read_text()) for path in sorted(default_directory("theory").rglob("*.toml"))]
    return [tree | {"claim": tree["claim"][:3]} for tree in trees if "claim" in tree]


class Mutator:
    """Makes one damaged file after another; the same ones for the same seed."""

    def __init__(self, trees: list[dict[str, Any]], seed: int) -> None:
        self.trees = trees
        self.random = random.Random(seed)
        self.own = re.findall(r"^(?:def|class) (\w+)", OWN.read_text(), re.M)
        self.known = [(name, k, v) for tree in trees for name, table in tree.items() if isinstance(table, dict)
                      for k, v in table.items()]  # fmt: skip

    def next(self) -> bytes:
        """A damaged file: mostly one or two numbers changed, for these get furthest."""
        tree = copy.deepcopy(self.random.choice(self.trees))
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            ways = (self._number, self._any, self._foreign, self._own, self._short, self._limits, self._full)
            self.random.choices(ways, (60, 20, 20, 15, 8, 4, 6))[0](tree)
        text = document(tree)
        return self._bytes(text) if self.random.random() < 0.1 else text.encode("utf-8", "surrogatepass")

    def magnitude(self) -> int | float:
        """A number of any size and sign, most within what can be computed with."""
        sign, kind = self.random.choice((1, 1, 1, -1)), self.random.random()
        if kind < 0.25:
            return sign * self.random.choice((0, 1, 2, 3, 7, 100, 10**6, 10**12, 2**53))
        power = self.random.uniform(-320, 308) if kind < 0.4 else self.random.uniform(-30, 30)
        if kind > 0.8:
            power = self.random.uniform(-3, 3)
        return sign * 10.0**power

    def _number(self, tree: dict[str, Any]) -> None:
        numbers = [
            (table, name)
            for table, name in places(tree)
            if isinstance(table[name], (int, float)) and not isinstance(table[name], bool)
        ]
        if not numbers:
            return self._any(tree)
        table, name = self.random.choice(numbers)
        table[name] = self.magnitude()
        return None

    def _any(self, tree: dict[str, Any]) -> None:
        table, name = self.random.choice(list(places(tree)) or [(tree, "case")])
        match self.random.choice(("delete", "rename", "replace", "replace", "wrap", "long")):
            case "delete" if name in table or isinstance(table, list):
                del table[name]
            case "rename" if isinstance(table, dict) and name in table:
                table[self.random.choice(("", "é", name.upper(), name + " ", name[1:], "a\nb"))] = table.pop(
                    name
                )
            case "wrap" if not isinstance(table, dict) or name in table:
                table[name] = self.random.choice(([table[name]], {"x": table[name]}, [table[name]] * 2))
            case "long" if isinstance(table, dict) and isinstance(table.get(name), list):
                table[name] = table[name] * self.random.choice((3, 1000))
            case _:
                table[name] = Raw(self.random.choice(HOSTILE))

    def _foreign(self, tree: dict[str, Any]) -> None:
        """A key, value or whole table of another file, as if two cases had been mixed up."""
        name, k, v = self.random.choice(self.known)
        if not isinstance(tree.get(name), dict):
            tree[name] = {}
        tree[name][k] = copy.deepcopy(v)
        other = self.random.choice(self.trees)
        if self.random.random() < 0.4 and name in other:
            tree[name] = copy.deepcopy(other[name])

    def _own(self, tree: dict[str, Any]) -> None:
        """An object of `OWN` in the place of the target, schedule, sampler or field, its parameters left or gone."""
        there = [name for name in NAMES if isinstance(tree.get(name), dict)]
        if not there:
            return
        name = self.random.choice(there)
        kept = {} if self.random.random() < 0.6 else tree[name]
        if name == "sampler" and "init" in tree[name]:
            kept["init"] = tree[name]["init"]
        tree[name] = kept | {NAMES[name]: f"{OWN.stem}:{self.random.choice(self.own)}"}

    def _short(self, tree: dict[str, Any]) -> None:
        """A sweep over one value."""
        sweep = tree.get("sweep")
        names = [k for k, v in sweep.items() if isinstance(v, list) and v] if isinstance(sweep, dict) else []
        for name in self.random.sample(names, min(1, len(names))):
            sweep[name] = [self.random.choice(sweep[name])]

    def _limits(self, tree: dict[str, Any]) -> None:
        limits = {name: abs(self.magnitude()) for name in ("seconds", "memory") if self.random.random() < 0.7}
        tree["limits"] = limits | ({"cores": 2} if self.random.random() < 0.1 else {})

    def _full(self, tree: dict[str, Any]) -> None:
        """Changes for long runs, of this case or of another."""
        name, k, v = self.random.choice(self.known)
        tree["full"] = {name: {k: copy.deepcopy(v)}}
        if self.random.random() < 0.5:
            tree["full"] = copy.deepcopy(self.random.choice(self.trees))
        self._number(tree["full"])

    def _bytes(self, text: str) -> bytes:
        match self.random.randrange(11):
            case 0:
                return text.encode(self.random.choice(("utf-16", "utf-32", "utf-16-be", "utf-7")))
            case 6:
                lines = text.split("\n")
                return "\r\n".join([*lines, self.random.choice(lines)]).encode()  # said twice
            case 7:
                return text.replace(
                    "a", self.random.choice(("\u0430", "a\u0301", "\u200b", "\uff41"))
                ).encode()
            case 8:
                return (text + "# " + "é" * 70_000).encode("latin-1", "replace")
            case 1:
                return b"\xef\xbb\xbf" + text.encode()
            case 2:
                return text.encode().replace(b"\n", b"\r")
            case 3:
                return self.random.randbytes(self.random.randrange(200))
            case 4:
                return (text + "deep = " + "[" * 5000 + "]" * 5000).encode()
            case 5:
                return (text + ".".join("a" * 3000) + " = 1").encode()
        raw = bytearray(text.encode())
        at = self.random.randrange(len(raw))
        raw[at : at + self.random.randrange(2)] = self.random.choice(
            (b"\xff", b"\x00", b'"', b"[", b"\xed\xa0\x80", b"\x1b")
        )
        return bytes(raw)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """All (container, key) pairs of a tree."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield value, name
        yield from places(item)


def write(path: Path, raw: bytes) -> Path:
    path.write_bytes(raw)
    return path
