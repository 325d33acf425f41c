"""How many digits of a constant are shown."""

from __future__ import annotations

import pytest

from sharpbound.records.leading import ends, law_in_words


@pytest.mark.parametrize(
    ("constant", "half", "text"),
    [
        (0.37475925, 3.3e-3, "0.37 log T/T"),
        (0.37475925, 1e-3, "0.375 log T/T"),
        (0.90739022, 5e-9, "0.9073902 log T/T"),
        (21.9726, 2.6e-4, "21.973 log T/T"),
        (3.75, 0.0, "3.750000 log T/T"),
        (0.2, 0.3, "0.2 log T/T"),
        (7.0, 0.5, "7 log T/T"),
    ],
)
def test_the_last_digit_is_right_up_to_one_unit(constant, half, text):
    assert law_in_words(constant, 1, 1, half) == text


def test_the_ends_of_an_interval_differ():
    assert ends((0.9073902117, 0.9073902222)) == "0.907390212 to 0.907390222"
    assert ends((0.37145, 0.37806)) == "0.3715 to 0.3781"
