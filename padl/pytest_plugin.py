"""The plugin of pytest: each check of a thing is a test of its own. The marker and the fixture `padl_check`.

    @pytest.mark.padl_check("lion")                # what padl.check takes: a name, a file, a function; settings too
    def test_conforms(padl_check):
        padl_check()

An exempt check is an expected failure, with the reason that the decorator gives; one that passes in spite of that is a
failure. What makes no such promise, and what cannot be made here, is skipped. JAX is imported only where a test asks.
"""

from collections.abc import Callable
from typing import Any

import pytest

NAME = "padl_check"
MARKER = f"{NAME}(*things, only=(), slow=False, oracle=None, **settings): put these through PADL's checks, each a test"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each check of the things that the marker names."""
    marker = metafunc.definition.get_closest_marker(NAME)
    if NAME not in metafunc.fixturenames or marker is None:
        return
    from padl.types import PadlError

    try:
        tests = _tests(*marker.args, **marker.kwargs)
    except PadlError as error:
        raise pytest.Collector.CollectError(f"{metafunc.definition.nodeid}: {error}") from None
    metafunc.parametrize(NAME, list(tests.values()), ids=list(tests))


@pytest.fixture
def padl_check() -> Callable[[], None]:
    """The check that this test is to make."""
    line = f"the fixture {NAME} makes what a marker names: write @pytest.mark.{NAME}('lion') above the test"
    pytest.fail(line, pytrace=False)


def _tests(
    *things: Any, only: Any = (), slow: bool = False, oracle: Any = None, **settings: Any
) -> dict[str, Callable[[], None]]:
    """{name of a test: what makes the check}; the names have that of a thing where there are several."""
    from padl.app import checking

    found = [subject for thing in things for subject in checking.subjects(thing, settings)]
    return {
        f"{subject.label}-{check.name}" if len(found) > 1 else check.name: _maker(subject, check)
        for subject, checks in checking.planned(found, only, slow, oracle)
        for check in checks
    }


def _maker(subject: Any, check: Any) -> Callable[[], None]:
    def make() -> None:
        from padl.app.checking import outcomes, told

        (outcome,) = outcomes(subject, [check])
        if outcome.status == "fail":
            pytest.fail(told(outcome), pytrace=False)
        if outcome.status == "exempt":
            pytest.xfail(outcome.reason)
        if outcome.status != "pass":
            pytest.skip(outcome.reason)

    return make
