import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import sharpbound
from sharpbound import places
from sharpbound.errors import InputError
from sharpbound.run.cases import validate_case
from sharpbound.suite import find_claim, load_case, load_cases, load_theory

DATA = Path(__file__).parent / "data"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(DATA / "cases", tmp_path / "cases")
    shutil.copytree(DATA / "theory", tmp_path / "theory")
    return tmp_path


def test_folders_load_in_order_of_path():
    assert [case.id for case in load_cases(DATA / "cases")] == ["d-fold", "learning", "pf-ode-mixture"]
    assert list(load_theory(DATA / "theory")) == ["toy2020.chain", "toy2020.kl", "toy2020.lower"]


def test_subfolders_are_read(folder):
    (folder / "cases" / "more").mkdir()
    (folder / "cases" / "learning.toml").rename(folder / "cases" / "more" / "learning.toml")
    assert len(load_cases(folder / "cases")) == 3


def test_an_id_is_used_once(folder):
    shutil.copy(folder / "cases" / "learning.toml", folder / "cases" / "other.toml")
    shutil.copy(folder / "theory" / "toy2020.toml", folder / "theory" / "toy2021.toml")
    with pytest.raises(
        InputError, match=r"other.toml: case.id: the id 'learning' is taken by .*learning.toml"
    ):
        load_cases(folder / "cases")
    with pytest.raises(
        InputError, match=r"toy2021.toml: claim.id: the id 'toy2020.chain' is taken in .*toy2020.toml"
    ):
        load_theory(folder / "theory")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "is not UTF-8 text (byte 0); save it as UTF-8"),
        (b"[case\n", "is not valid TOML: "),
        (b"a = 1\na = 2\n", "is not valid TOML: "),
        (b"a = " + b"9" * 5000, "is not valid TOML: "),
        (b"a = " + b"[" * 50_000, "is nested too deeply; use at most 12 levels"),
        (b".".join([b"a"] * 5000) + b" = 1", "a.a.a...: is nested deeper than 12 levels"),
        (b"#" * (1 << 16) + b"\n", "is larger than 64 KiB"),
        (b"", "case: is missing; add it"),
        (b'"\\u001b[31m\\n" = 1', "'\\x1b[31m\\n': unknown key"),
    ],
)
def test_no_file_makes_a_traceback(tmp_path, content, message):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        load_case(path)
    lines = str(error.value).splitlines()
    assert lines[0].startswith(f"{path}: {message}")
    assert all(line.startswith(f"{path}: ") and line.isprintable() for line in lines)


def test_paths_that_are_no_files(tmp_path):
    for path, message in [
        (tmp_path, "is a folder, not a file; name a .toml file"),
        (tmp_path / "none.toml", "no such file; check the path"),
        (tmp_path / "a\0b", "has a null byte in its name; check the path"),
        (tmp_path / ("x" * 300), "cannot be read: File name too long"),
    ]:
        with pytest.raises(InputError) as error:
            load_case(path)
        assert message in str(error.value)
        assert str(error.value).isprintable()
    with pytest.raises(InputError, match="no such folder; check the path"):
        load_cases(tmp_path / "none")
    with pytest.raises(InputError, match=r"has no \.toml files"):
        load_cases(tmp_path)


def test_a_claim_that_does_not_exist():
    theory = load_theory(DATA / "theory")
    assert find_claim(theory, "toy2020.kl").metric == "kl"
    with pytest.raises(
        InputError,
        match=r"case.claim: there is no claim 'toy2020.chian' in theory/; did you mean 'toy2020.chain'",
    ):
        find_claim(theory, "toy2020.chian")


def experiments(mistake=None):
    """Stands for `sharpbound.chapters`, every kind of which raises ``mistake``, if there is one."""

    def validate(case, claim):
        if mistake:
            raise mistake

    return SimpleNamespace(get=lambda kind: SimpleNamespace(validate=validate, check=lambda case: None))


def test_validation_asks_the_theory_and_the_experiment(monkeypatch, folder):
    theory = load_theory(folder / "theory")
    path = folder / "cases" / "learning.toml"
    monkeypatch.setattr(sharpbound, "chapters", experiments(), raising=False)
    assert validate_case(load_case(path), theory).id == "toy2020.lower"
    path.write_text(path.read_text().replace("toy2020.lower", "toy2020.lowr"))
    with pytest.raises(InputError, match=r"learning.toml: case.claim: there is no claim"):
        validate_case(load_case(path), theory)
    # a claim that does not speak of the metric is no mistake: the case is measured, and not judged
    path.write_text(path.read_text().replace("toy2020.lowr", "toy2020.kl"))
    assert validate_case(load_case(path), theory).id == "toy2020.kl"
    path.write_text(path.read_text().replace("toy2020.kl", "toy2020.lower"))
    mistake = InputError("bad", key="learning.eta")
    monkeypatch.setattr(sharpbound, "chapters", experiments(mistake))
    with pytest.raises(InputError, match=r"learning.toml: learning.eta: bad"):
        validate_case(load_case(path), theory)


def test_the_suite_of_an_installed_package(monkeypatch, tmp_path):
    """In a checkout theory/ and cases/ are two levels above the package; a wheel carries them inside."""
    assert places.default_directory("theory") == Path(__file__).parents[2] / "theory"
    installed = tmp_path / "site-packages" / "sharpbound"
    shutil.copytree(DATA / "theory", installed / "_data" / "theory")
    monkeypatch.setattr(places, "_PACKAGE", installed)
    assert "toy2020.kl" in load_theory()
