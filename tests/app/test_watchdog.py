"""A call that does not come back is named once; one that computes, or that comes back, is not."""

import threading
from time import perf_counter, sleep
from typing import NamedTuple

import pytest

from padl.app.watchdog import Watchdog

SHORT = 0.4


class Call(NamedTuple):
    step: int


def busy(seconds):
    end = perf_counter() + seconds
    while perf_counter() < end:
        sum(range(1000))


def watched(calls, on_cpu=True):
    lines = []
    with Watchdog(on_cpu, lines.append, SHORT) as watchdog:
        steps = [call.step for call in watchdog.watch(calls, "adam on digits")]
    return lines, steps


def waiting(first, wait):
    """A call that ends at `first`, and one that comes after `wait`."""
    yield Call(first)
    wait()
    yield Call(first + 5)


def test_a_call_that_rests_is_named_once_with_the_step_before_it_and_what_may_be_the_cause():
    lines, steps = watched(waiting(40, lambda: sleep(4 * SHORT)))
    assert steps == [40, 45]
    (line,) = lines
    assert line.startswith("adam on digits: the call after step 40 has not come back")
    assert "\n" not in line
    assert "Ctrl-C twice leaves" in line


@pytest.mark.parametrize("wait", [lambda: busy(3 * SHORT), lambda: sleep(SHORT / 4)], ids=["computes", "returns"])
def test_a_call_that_computes_or_returns_is_not_named(wait):
    assert watched(waiting(40, wait)) == ([], [40, 45])


def test_who_takes_long_with_what_a_call_gave_is_no_call():
    lines = []
    with Watchdog(True, lines.append, SHORT) as watchdog:
        for _ in watchdog.watch([Call(1), Call(2)], "adam"):
            sleep(2 * SHORT)
    assert lines == []


def test_a_device_that_computes_without_the_processor_is_not_watched():
    assert watched(waiting(40, lambda: sleep(2 * SHORT)), on_cpu=False)[0] == []


def raising():
    with Watchdog(True, seconds=100.0) as watchdog:
        assert "padl-watchdog" in {thread.name for thread in threading.enumerate()}
        for _ in watchdog.watch(waiting(1, lambda: int("of the call")), "adam"):
            pass


def test_its_thread_ends_with_its_block_whatever_ends_that():
    with pytest.raises(ValueError, match="of the call"):
        raising()
    assert "padl-watchdog" not in {thread.name for thread in threading.enumerate()}
