"""The exceptions that a user's mistake raises; the command line prints one line for each mistake."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class InputError(ValueError):
    """A mistake in the user's input.

    The message is one line that says what is wrong and how to mend it. ``where`` names the file
    and ``key`` the dotted key in it; both are filled in by whoever knows them, so a schedule can
    raise ``InputError("c1*log(T)/T >= 1 ...")`` and the suite adds the file and the key.
    """

    def __init__(self, message: str, *, key: str | None = None, where: str | None = None) -> None:
        self.message = printable(message)
        super().__init__(self.message)
        self.key = None if key is None else printable(key)
        self.where = None if where is None else printable(where)

    @property
    def mistakes(self) -> list[InputError]:
        """Every mistake that is told here, one line each: this one."""
        return [self]

    def at(self, *, where: str | None = None, key: str | None = None) -> InputError:
        """The same mistake with its file and key named; what is known already is kept."""
        return InputError(self.message, key=self.key or key, where=self.where or where)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.message) if part)


class InputErrors(InputError):
    """Several mistakes of one table, file or folder, told at once; ``str`` has one line for each.

    ``message``, ``key`` and ``where`` are those of the first.
    """

    def __init__(self, mistakes: Sequence[InputError]) -> None:
        self._mistakes = [each for mistake in mistakes for each in mistake.mistakes]
        first = self._mistakes[0]
        super().__init__(first.message, key=first.key, where=first.where)

    def __reduce__(self) -> tuple[Any, ...]:
        return InputErrors, (self._mistakes,)

    @property
    def mistakes(self) -> list[InputError]:
        return self._mistakes

    def at(self, *, where: str | None = None, key: str | None = None) -> InputError:
        return InputErrors([mistake.at(where=where, key=key) for mistake in self._mistakes])

    def __str__(self) -> str:
        return "\n".join(map(str, self._mistakes))


class Collected:
    """Gathers mistakes, so that those of all parts are told at once.

    with Collected() as mistakes:
        with mistakes.caught():
            ...  # one part
        with mistakes.caught():
            ...  # another, tried even if the first was wrong
    # here the mistakes, if any, have been raised
    """

    def __init__(self) -> None:
        self.found: list[InputError] = []

    def __enter__(self) -> Collected:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.tell()

    @contextmanager
    def caught(self, *, key: str | None = None) -> Iterator[None]:
        """Note the InputError that the block raises (at ``key``, where it names none), and go on after it."""
        try:
            yield
        except InputError as mistake:
            self.found.append(mistake.at(key=key))

    def tell(self) -> None:
        """Raise what was found: an InputError, or several as InputErrors, each said once."""
        distinct = {str(each): each for mistake in self.found for each in mistake.mistakes}
        if distinct:
            found = list(distinct.values())
            raise found[0] if len(found) == 1 else InputErrors(found)


class NotMeasured(Exception):
    """An engine cannot give this law exactly; the message is the reason, for the row's note."""


def printable(text: str) -> str:
    """``text`` on one line, what no terminal should be sent written as its escape, and cut where it is endless."""
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
    return line if len(line) <= 900 else line[:897] + "..."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?``, or the names there are."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; choose from {', '.join(known)}" if len(known) <= 50 else f"; none of {len(known)} is like it"


def brief(value: object) -> str:
    """``repr``, short and on one line."""
    if isinstance(value, (dict, list)) and len(value) > 8:
        return f"a {'table' if isinstance(value, dict) else 'list'} of {len(value)}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
