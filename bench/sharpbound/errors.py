"""The one exception a user's mistake raises; the command line prints it as one line."""

from __future__ import annotations


class InputError(ValueError):
    """A mistake in the user's input.

    The message is one line that says what is wrong and how to mend it. ``where`` names the file
    and ``key`` the dotted key in it; both are filled in by whoever knows them, so a schedule can
    raise ``InputError("c1*log(T)/T >= 1 ...")`` and the suite adds the file and the key.
    """

    def __init__(self, message: str, *, key: str | None = None, where: str | None = None) -> None:
        super().__init__(" ".join(message.split()))
        self.message = " ".join(message.split())
        self.key = key
        self.where = where

    def at(self, *, where: str | None = None, key: str | None = None) -> InputError:
        """The same mistake with its file and key named; what is known already is kept."""
        return InputError(self.message, key=self.key or key, where=self.where or where)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.message) if part)


class NotMeasured(Exception):
    """An engine cannot give this law exactly; the message is the reason, for the row's note."""
