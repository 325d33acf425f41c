"""Convergence rates in other projects' tests: ``@pytest.mark.rate(claim=..., case=...)`` and ``rate``.

    @pytest.mark.rate(claim="weak-error.order1-tv", case="pf-ode-mixture-tv-fixed")
    def test_my_sampler(rate):
        rate.check(sampler=MySampler())

pytest loads this module in every session where Sharpbound is installed, so it imports the engine only when
a test asks for ``rate``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sharpbound.testing.rate import Document, Rate

MARKER = (
    "rate(claim, case, verdict=None): the case (an id, or a file) and its claim that the fixture measures"
)

RECORDED = pytest.StashKey[dict[str, Any]]()
"""Records of this session by name, with ``--rate-update``."""
SENT = "sharpbound_rates"
"""Under which a worker sends them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of recorded rates."""
    group = parser.getgroup("sharpbound", "convergence rates")
    group.addoption(
        "--rate-reference", metavar="DIR", help="recorded rates to hold tests to (ini: rate_reference)"
    )
    group.addoption("--rate-update", action="store_true", help="record the rates instead of comparing them")
    group.addoption("--rate-cache", metavar="DIR", help="keep measured cells here between sessions")
    parser.addini("rate_reference", "folder of recorded rates, from the root folder of the tests", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", MARKER)
    config.stash[RECORDED] = {}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of pytest-xdist recorded."""
    node.config.stash[RECORDED].update(getattr(node, "workeroutput", {}).get(SENT, {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the recorded rates, all at once; workers of pytest-xdist send theirs to the one that started them."""
    config, recorded = session.config, session.config.stash[RECORDED]
    if hasattr(config, "workeroutput"):
        config.workeroutput[SENT] = recorded
    elif recorded:
        from sharpbound.testing.rate import References

        References(_folder(config), recorded).write()


@pytest.fixture(scope="session")
def rate_documents() -> dict[str, Document]:
    """Documents of this session, by case file: each case is measured once."""
    return {}


@pytest.fixture
def rate(request: pytest.FixtureRequest, rate_documents: dict[str, Document]) -> Rate:
    """The case of the test's ``rate`` marker; see `sharpbound.testing.rate.Rate`."""
    from sharpbound.errors import InputError
    from sharpbound.testing.rate import HOLDS, Rate, find_rate

    marker = request.node.get_closest_marker("rate")
    try:
        case, claim, verdicts = _read(marker)
    except TypeError:
        pytest.fail('mark the test: @pytest.mark.rate(claim="...", case="...")', pytrace=False)
    try:
        found_case, found_claim = find_rate(_from_test(request, case), claim)
    except InputError as mistake:
        pytest.fail(f"@pytest.mark.rate: {mistake}", pytrace=False)

    def cached(case: Any, claim: Any) -> Document:
        key = str(case.file.resolve())
        if key not in rate_documents:
            rate_documents[key] = _measured(case, claim, request.config.getoption("--rate-cache"))
        return rate_documents[key]

    return Rate(
        found_case, found_claim, request.node.nodeid, verdicts or HOLDS, cached, _references(request.config)
    )


def _read(marker: pytest.Mark | None) -> tuple[str, str, list[str]]:
    """Case, claim and expected verdicts of the marker; TypeError if it is not written as documented."""

    def keys(*, claim: str, case: str, verdict: str | list[str] | None = None) -> tuple[str, str, list[str]]:
        return case, claim, [verdict] if isinstance(verdict, str) else list(verdict or [])

    if marker is None:
        raise TypeError("the test has no marker")
    return keys(*marker.args, **marker.kwargs)


def _from_test(request: pytest.FixtureRequest, case: str) -> str:
    """A case file is named from the folder of the test."""
    return str(request.path.parent / case) if Path(case).suffix else case


def _references(config: pytest.Config) -> Any:
    from sharpbound.testing.rate import References

    update = config.getoption("--rate-update")
    if not (config.getoption("--rate-reference") or config.getini("rate_reference")):
        if update:
            pytest.fail(
                "--rate-update needs a folder: --rate-reference DIR, or rate_reference", pytrace=False
            )
        return None
    return References(_folder(config), config.stash[RECORDED] if update else None)


def _folder(config: pytest.Config) -> Path:
    return config.rootpath / (config.getoption("--rate-reference") or config.getini("rate_reference"))


def _measured(case: Any, claim: Any, folder: str | None) -> Document:
    from sharpbound.run.cache import Cache
    from sharpbound.run.cases import measure_cases

    cache = Cache(folder or None)
    outcome = measure_cases([case], {claim.id: claim}, cache, workers=1)
    for mistake in outcome.mistakes:
        pytest.fail(str(mistake), pytrace=False)
    for failure in outcome.failures.values():
        pytest.fail(f"{case.id}: {failure.reason}\n{failure.trace}", pytrace=False)
    return outcome.documents[0].as_json()
