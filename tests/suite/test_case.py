from pathlib import Path

import pytest

from sharpbound.errors import InputError
from sharpbound.suite import load_case

DATA = Path(__file__).parent / "data" / "cases"
GOOD = (DATA / "pf-ode-mixture.toml").read_text()


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "case.toml"
        path.write_text(text)
        return load_case(path)

    return load


def test_a_case_reads_as_written():
    case = load_case(DATA / "pf-ode-mixture.toml")
    assert (case.id, case.kind, case.claim) == ("pf-ode-mixture", "sampling-rate", "li2024.ode")
    assert case.title == "Probability-flow ODE on a two-mode mixture"
    assert case.target["weights"] == [0.4, 0.6]
    assert case.forward == {"schedule": "li2024", "c0": 2.0, "c1": 5.0}
    assert case.sampler == {"name": "pf-ode", "init": "normal"}
    assert case.score_error is None
    assert case.metrics == ["tv"]
    assert case.sweep == {"T": [64, 128, 256, 512, 1024]}
    assert all(type(T) is int for T in case.sweep["T"])
    assert case.swept == "T"
    assert case.options == {}
    assert case.file == DATA / "pf-ode-mixture.toml"
    assert case.spec["case"]["id"] == "pf-ode-mixture"


def test_the_swept_variable_is_the_one_with_several_values():
    case = load_case(DATA / "d-fold.toml")
    assert case.swept == "d"
    assert case.metrics == ["kl", "tv", "path-kl"]
    assert [type(d) for d in case.sweep["d"]] == [int, int, float]


def test_options_are_the_table_of_the_kind():
    case = load_case(DATA / "learning.toml")
    assert case.options == {"eta": 0.01, "distance": 10.0}
    assert case.target == case.forward == case.sampler == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[sampler]", "[smapler]", "smapler: unknown key; did you mean 'sampler'?"),
        ("title =", "titel =", "case.titel: unknown key; did you mean 'title'?"),
        ('title = "Prob', 'note = "Prob', "case.title: is missing; add it"),
        ("[case]", "[training]\n[case]", "training: a sampling-rate case has no [training] table; delete it"),
        (
            '"pf-ode-mixture"',
            '"PF ODE"',
            "case.id: must be lower-case words joined by hyphens, e.g. pf-ode, got 'PF ODE'",
        ),
        ('"pf-ode-mixture"', '"a\\n"', "case.id: must be lower-case words joined by hyphens"),
        ('"pf-ode-mixture"', "true", "case.id: input should be a valid string, got True"),
        ('"li2024.ode"', '"li2024,ode"', "case.claim: must be the id of a claim"),
        (
            '"sampling-rate"',
            '"sampling rate"',
            "case.kind: unknown kind 'sampling rate'; did you mean 'sampling-rate'?",
        ),
        ('"Probability-flow', '"\\u0007', "case.title: must be one non-empty line of text"),
        ('metric = "tv"', 'metirc = "tv"', "measure: unknown key 'metirc'; did you mean 'metric'?"),
        ('metric = "tv"', "", 'measure.metric: is missing; add e.g. metric = "tv"'),
        (
            'metric = "tv"',
            "metric = 3",
            'measure.metric: must be a name or a list of names such as "tv", got 3',
        ),
        ('metric = "tv"', "metric = []", "measure.metric: must be a name or a list of names"),
        ('metric = "tv"', 'metric = ["tv", "tv"]', "measure.metric: names a metric twice"),
        ("T = [64", "T = [1, 64", "sweep.T: must hold integers >= 2, got 1"),
        ("T = [64, 128, 256, 512, 1024]", "T = [0]", "sweep.T: must hold integers >= 2, got 0"),
        ("T = [64", "T = [64.0", "sweep.T: must hold integers >= 2, got 64.0"),
        ("T = [64", "T = [true", "sweep.T[0]: must be a number, got True"),
        ("T = [64", 'T = ["64"', "sweep.T[0]: must be a number, got '64'"),
        ("T = [64", "T = [64, 64", "sweep.T: has a value twice"),
        ("T = [64", "T = [4096", "sweep.T: must be increasing; sort it"),
        ("1024]", "100000000]", "sweep.T: has 100000000 steps; use at most 10000000"),
        ("T = [64, 128, 256, 512, 1024]", "T = []", "sweep.T: is an empty list; give it values"),
        ("T = [64, 128, 256, 512, 1024]", "T = 64", "sweep.T: input should be a valid list, got 64"),
        ("T = [64, 128, 256, 512, 1024]", "", "sweep: is empty; add e.g. T = [64, 128, 256, 512]"),
        ("T = [64", '"a b" = [64', "sweep: 'a b' is not the name of a variable; use letters, e.g. T"),
        ("c0 = 2.0", "c0 = nan", "forward.c0: must be a finite number, got nan"),
        ("c0 = 2.0", "c0 = -inf", "forward.c0: must be a finite number, got -inf"),
        ("c0 = 2.0", "c0 = 1" + 30 * "0", "forward.c0: is an integer beyond 2**53; write a smaller number"),
        ("c0 = 2.0", "c0 = 2020-01-01", "forward.c0: is a date; quote it to make it a string"),
        ("c0 = 2.0", "c0 = " + 20 * "[" + 20 * "]", "forward.c0[0]...: is nested deeper than 12 levels"),
        ("[target]", "[x]", "x: unknown key; choose from case, target"),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_fix(load, tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(InputError) as error:
        load(GOOD.replace(old, new, 1))
    file = tmp_path / "case.toml"
    lines = str(error.value).split("\n")
    assert lines[0].startswith(f"{file}: {message}")
    assert all(line.startswith(f"{file}: ") for line in lines)


def test_a_missing_table_is_named(load):
    text = GOOD.replace('[sampler]\nname = "pf-ode"\ninit = "normal"\n', "")
    with pytest.raises(
        InputError, match=r"sampler: is missing; a sampling-rate case needs a \[sampler\] table"
    ):
        load(text)
