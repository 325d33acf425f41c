"""Published numbers: how they are read, and what agreement in printed digits means."""

from pathlib import Path

import pytest

from sharpbound.errors import InputError
from sharpbound.suite import load_cases, load_theory
from sharpbound.suite.loading import NUMBERS
from sharpbound.suite.numbers import Printed, load_numbers, of_paper

PAPER = """
[paper]
title = "A paper"
authors = ["A. Author"]
year = 2020
bibtex = "@misc{author2020, title = {A paper}, author = {Author, A.}}"
"""
NUMBER = """
[[number]]
id = "author2020.half"
what = "a half"
printed = "0.50"
where = "Table 1"
trust = "V"
quantity = "clones-at-speciation"
"""


@pytest.mark.parametrize(
    ("text", "value", "unit", "digits"),
    [
        ("1.2988", 1.2988, 1e-4, 5),
        (".86315", 0.86315, 1e-5, 5),
        ("0.0063", 0.0063, 1e-4, 2),
        ("4.1E-03", 4.1e-3, 1e-4, 2),
        ("120", 120.0, 1.0, 3),
        ("-2.0e3", -2000.0, 100.0, 2),
        ("0", 0.0, 1.0, 1),
    ],
)
def test_a_printed_number_has_its_digits_and_no_more(text, value, unit, digits):
    printed = Printed(text)
    assert (printed.value, printed.digits) == (value, digits)
    assert printed.unit == pytest.approx(unit, rel=1e-12)


@pytest.mark.parametrize("text", ["", "1,5", "1e", "one", "1.2.3", "nan", "1e9999"])
def test_what_is_no_printed_number_is_refused(text):
    with pytest.raises(InputError, match="must be a number as it is printed"):
        Printed(text)


@pytest.mark.parametrize(
    ("ours", "floor", "agreeing"),
    [(1.29884, 0.0, 5), (1.29886, 0.0, 4), (1.29886, 1e-4, 5), (1.25, 0.0, 2), (1.0, 0.0, 1), (9.0, 0.0, 0)],
)
def test_agreement_is_counted_in_printed_digits(ours, floor, agreeing):
    assert Printed("1.2988").agreement(ours, floor) == agreeing


def folder(tmp_path: Path, text: str) -> Path:
    numbers = tmp_path / "theory" / NUMBERS
    numbers.mkdir(parents=True)
    (numbers / "author2020.toml").write_text(text)
    return numbers


def test_a_file_with_its_own_paper(tmp_path):
    (number,) = load_numbers(folder(tmp_path, PAPER + NUMBER))
    assert (number.id, number.printed, number.version, number.paper.key) == (
        "author2020.half", "0.50", "unknown", "author2020",
    )  # fmt: skip


def test_the_paper_of_the_theory_file_of_that_name_is_used_and_said_once(tmp_path):
    numbers = folder(tmp_path, NUMBER)
    with pytest.raises(InputError, match=r"author2020.toml: paper: is missing, and there is no"):
        load_numbers(numbers)
    (numbers.parent / "author2020.toml").write_text(PAPER)
    assert load_numbers(numbers)[0].paper.title == "A paper"
    (numbers / "author2020.toml").write_text(PAPER + NUMBER)
    with pytest.raises(InputError, match=r"paper: stands in .*author2020.toml already"):
        load_numbers(numbers)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('quantity = "clones-at-speciation"\n', "", r"number\[0\].case: give one of case, claim, quantity"),
        (
            'trust = "V"',
            'trust = "V"\nclaim = "li2024.ode"',
            "give one of case, claim, quantity, unavailable",
        ),
        ('trust = "V"', 'trust = "V"\nat = { T = 1 }', "goes with case, not with quantity"),
        (
            'quantity = "clones-at-speciation"',
            'case = "x"',
            "a case needs at, a row of its sweep, and column",
        ),
        ('printed = "0.50"', 'printed = "half"', "must be a number as it is printed"),
        ('where = "Table 1"', 'table = "1"', r"number\[0\].table: unknown key"),
    ],
)
def test_mistakes_name_file_and_key(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message) as caught:
        load_numbers(folder(tmp_path, PAPER + NUMBER.replace(old, new)))
    assert str(caught.value).startswith(str(tmp_path))


def test_numbers_are_no_claims(tmp_path):
    theory = folder(tmp_path, PAPER + NUMBER).parent
    claim = '[[claim]]\nid = "author2020.rate"\nstatement = "It falls."\nkind = "equality"\nmetric = "tv"\n'
    claim += 'formula = "1/T"\ntrust = "D"\nstatus = "verified"\n'
    (theory / "author2020.toml").write_text(PAPER + claim)
    assert list(load_theory(theory)) == ["author2020.rate"]


def test_cases_may_lie_in_a_folder_of_that_name(tmp_path):
    (tmp_path / NUMBERS).mkdir()
    (tmp_path / NUMBERS / "wrong.toml").write_text("a = 1")
    with pytest.raises(InputError, match=r"wrong\.toml"):
        load_cases(tmp_path)


def test_a_paper_is_named_by_file_key_or_arxiv_number():
    numbers = load_numbers()
    ids = {n.id for n in of_paper(numbers, "biroli2024")}
    assert ids == {n.id for n in of_paper(numbers, "2402.18491")}
    with pytest.raises(InputError, match="no published number of 'biroli2042'; did you mean 'biroli2024'"):
        of_paper(numbers, "biroli2042")
