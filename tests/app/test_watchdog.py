"""A call that does not come back is named once; one that computes, or that comes back, is not."""

import threading
from functools import partial
from time import perf_counter, sleep
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
import pytest

import padl
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


def stalling(learning_rate):
    """Descend, and rest in the fourth step."""
    inner = optax.sgd(learning_rate)

    def rest(count):
        if count == 3:
            sleep(3 * SHORT)

    def update(grads, state, params=None):
        count, rule = state
        jax.debug.callback(rest, count, ordered=True)
        updates, rule = inner.update(grads, rule, params)
        return updates, (count + 1, rule)

    return optax.GradientTransformation(lambda params: (jnp.zeros((), jnp.int32), inner.init(params)), update)


SETTINGS = {
    "task": "surface",
    "optimizer": {"name": stalling, "learning_rate": 1e-4},
    "steps": 6,
    "steps_per_call": 2,
    "devices": 1,
    "progress": "none",
}


@pytest.mark.parametrize(
    ("where", "call"),
    [
        ("padl.app.training.Watchdog", lambda: padl.train(**SETTINGS)),
        ("padl.app.sweep.run.Watchdog", lambda: padl.sweep(over={"seed": [0]}, sweep={"exact": True}, **SETTINGS)),
    ],
    ids=["train", "sweep"],
)
def test_a_run_and_a_sweep_say_which_call_stands_still(monkeypatch, capsys, where, call):
    monkeypatch.setattr(where, partial(Watchdog, seconds=SHORT))
    call()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "has not come back" in line]
    assert "the call after step 2 " in line or "the call after step 4 " in line  # the one that is waited for
    assert "stalling" in line
