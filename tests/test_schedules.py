"""The schedules: hand-computed points, the range [0, 1], phases without length, numbers as data."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl import schedules
from padl.types import PadlError

NAMES = padl.names("schedule")
GRID = np.linspace(0, 1, 101)
F32 = 5e-7  # some roundings of float32 of numbers near 1

POINTS = [  # (schedule, hyperparameters, fraction, share of the peak)
    ("constant", {}, 0.0, 1.0),
    ("constant", {}, 1.0, 1.0),
    ("linear", {}, 0.25, 0.75),
    ("linear", {"final": 0.5}, 0.5, 0.75),
    ("linear", {"final": 0.5}, 1.0, 0.5),
    ("exponential", {"final": 0.01}, 0.0, 1.0),
    ("exponential", {"final": 0.01}, 0.5, 0.1),
    ("exponential", {"final": 0.01}, 1.0, 0.01),
    ("exponential", {"final": jnp.float32(0)}, 0.0, 1.0),  # as a number 0 is refused
    ("exponential", {"final": jnp.float32(0)}, 0.5, 0.0),
    ("step", {"every": 0.25, "factor": 0.5}, 0.0, 1.0),
    ("step", {"every": 0.25, "factor": 0.5}, 0.24, 1.0),
    ("step", {"every": 0.25, "factor": 0.5}, 0.25, 0.5),
    ("step", {"every": 0.25, "factor": 0.5}, 0.8, 0.125),
    ("cosine", {}, 0.0, 1.0),
    ("cosine", {}, 1 / 3, 0.75),
    ("cosine", {}, 0.5, 0.5),
    ("cosine", {"final": 0.2}, 0.5, 0.6),
    ("cosine", {"final": 0.2}, 1.0, 0.2),
    ("warmup_cosine", {"warmup": 0.2}, 0.0, 0.0),
    ("warmup_cosine", {"warmup": 0.2}, 0.05, 0.25),
    ("warmup_cosine", {"warmup": 0.2}, 0.2, 1.0),
    ("warmup_cosine", {"warmup": 0.2, "final": 0.1}, 0.6, 0.55),
    ("warmup_cosine", {"warmup": 0.2, "final": 0.1}, 1.0, 0.1),
    ("warmup_cosine", {"warmup": 0.0}, 0.0, 1.0),
    ("warmup_cosine", {"warmup": 1.0}, 0.5, 0.5),
    ("warmup_cosine", {"warmup": 1.0}, 1.0, 1.0),
    ("polynomial", {"exponent": 2.0}, 0.0, 1.0),
    ("polynomial", {"exponent": 2.0}, 0.25, 0.5625),
    ("polynomial", {"exponent": 2.0, "final": 0.2}, 0.5, 0.4),
    ("polynomial", {"exponent": 0.5}, 1.0, 0.0),
    ("power", {"warmup": 0.1, "exponent": 2.0}, 0.0, 0.0),
    ("power", {"warmup": 0.1, "exponent": 2.0}, 0.05, 0.5),
    ("power", {"warmup": 0.1, "exponent": 2.0}, 0.1, 1.0),
    ("power", {"warmup": 0.1, "exponent": 2.0}, 0.2, 0.25),
    ("power", {"warmup": 0.1, "exponent": 2.0}, 1.0, 0.01),
    ("inverse_sqrt", {"warmup": 0.04}, 0.01, 0.25),
    ("inverse_sqrt", {"warmup": 0.04}, 0.04, 1.0),
    ("inverse_sqrt", {"warmup": 0.04}, 0.16, 0.5),
    ("inverse_sqrt", {"warmup": 0.04}, 1.0, 0.2),
    ("inverse_sqrt", {"warmup": 1.0}, 0.5, 0.5),
    ("cosine_restarts", {"cycles": 4.0}, 0.0, 1.0),
    ("cosine_restarts", {"cycles": 4.0}, 0.125, 0.5),
    ("cosine_restarts", {"cycles": 4.0}, 0.25, 1.0),
    ("cosine_restarts", {"cycles": 4.0, "final": 0.2}, 0.375, 0.6),
    ("cosine_restarts", {"cycles": 4.0, "final": 0.2}, 1.0, 0.2),
    ("cosine_restarts", {"cycles": 3.0, "growth": 2.0}, 1 / 14, 0.5),  # cycles of 1/7, 2/7 and 4/7
    ("cosine_restarts", {"cycles": 3.0, "growth": 2.0}, 1 / 7, 1.0),
    ("cosine_restarts", {"cycles": 3.0, "growth": 2.0}, 2 / 7, 0.5),
    ("cosine_restarts", {"cycles": 3.0, "growth": 2.0}, 3 / 7, 1.0),
    ("cosine_restarts", {"cycles": 3.0, "growth": 2.0}, 5 / 7, 0.5),
    ("cosine_restarts", {"cycles": 3.0, "growth": 2.0}, 1.0, 0.0),
    ("cosine_restarts", {"cycles": 4.0, "growth": 1.0000005}, 0.375, 0.5),
    ("cosine_restarts", {"cycles": 4.0, "growth": 1.001}, 1.0, 0.0),
    ("cosine_restarts", {"cycles": 1.5}, 1.0, 0.5),  # the second of two cycles is cut in the middle
    ("one_cycle", {"start": 0.2}, 0.0, 0.2),
    ("one_cycle", {"start": 0.2}, 0.15, 0.6),
    ("one_cycle", {"start": 0.2}, 0.3, 1.0),
    ("one_cycle", {"final": 0.1}, 0.65, 0.55),
    ("one_cycle", {"final": 0.1}, 1.0, 0.1),
    ("one_cycle", {"warmup": 0.0}, 0.0, 1.0),
    ("one_cycle", {"warmup": 1.0}, 1.0, 1.0),
    ("power_cool", {"cooldown": 0.5, "exponent": 2.0}, 0.25, 1.0),
    ("power_cool", {"cooldown": 0.5, "exponent": 2.0}, 0.75, 0.25),
    ("power_cool", {"cooldown": 0.5, "exponent": 2.0}, 1.0, 0.0),
    ("power_cool", {"cooldown": 0.5, "exponent": 2.0, "final": 0.25}, 0.75, 0.5625),
    ("power_cool", {"cooldown": 0.5, "exponent": 2.0, "final": 0.25}, 1.0, 0.25),
    ("power_cool", {"cooldown": 0.0}, 1.0, 1.0),
    ("wsd", {"warmup": 0.1, "cooldown": 0.4}, 0.0, 0.0),
    ("wsd", {"warmup": 0.1, "cooldown": 0.4}, 0.05, 0.5),
    ("wsd", {"warmup": 0.1, "cooldown": 0.4}, 0.5, 1.0),
    ("wsd", {"warmup": 0.1, "cooldown": 0.4}, 0.8, 0.5),
    ("wsd", {"warmup": 0.1, "cooldown": 0.4, "final": 0.5}, 0.8, 0.75),
    ("wsd", {"warmup": 0.1, "cooldown": 0.4}, 1.0, 0.0),
    ("wsd", {"warmup": 0.0}, 0.0, 1.0),
    ("wsd", {"cooldown": 0.0}, 1.0, 1.0),
    ("wsd", {"warmup": 0.0, "cooldown": 0.0}, 1.0, 1.0),
    ("wsd", {"warmup": 0.7, "cooldown": 0.3}, 0.7, 1.0),
    ("wsd", {"warmup": 0.0, "cooldown": 1.0}, 0.25, 0.75),
]


@pytest.mark.parametrize(("name", "hyperparameters", "fraction", "share"), POINTS)
def test_a_point_is_where_hand_computation_puts_it(name, hyperparameters, fraction, share):
    value = getattr(schedules, name)(jnp.float32(fraction), **hyperparameters)
    np.testing.assert_allclose(value, share, rtol=1e-5, atol=F32)


@pytest.mark.parametrize(
    ("name", "hyperparameters", "message"),
    [
        ("wsd", {"warmup": 0.9, "cooldown": 0.5}, "the peak would never be reached"),
        ("wsd", {"warmup": 0.81}, "warmup=0.81 and cooldown=0.2 are 1.01 of the training together"),
        ("wsd", {"cooldown": 0.0, "final": 0.3}, "without a cooldown the rate never falls to final=0.3"),
        ("warmup_cosine", {"warmup": 1.0, "final": 0.1}, "leaves no time to fall to final=0.1"),
        ("power_cool", {"cooldown": 0.0, "final": 0.3}, "without a cooldown the rate never falls to final=0.3"),
    ],
)
def test_phases_that_do_not_fit_into_the_training_are_refused_by_name_by_call_and_before_a_run(
    name, hyperparameters, message
):
    with pytest.raises(PadlError, match=message):
        padl.schedule(name, **hyperparameters)
    with pytest.raises(PadlError, match=message):
        getattr(schedules, name)(jnp.float32(0.5), **hyperparameters)
    with pytest.raises(PadlError, match=message):
        padl.train(task="surface", schedule={"name": name, **hyperparameters}, steps=3)


def test_a_step_schedule_falls_at_its_whole_step_and_not_one_before_up_to_four_million_steps():
    falls = jax.jit(lambda count, steps, every: schedules.step(count / steps, every=every, factor=jnp.float32(0.5)))
    for denominator in (3, 4, 7, 10, 20, 100):
        for steps in (denominator, 997 * denominator, 3_999_600 // denominator * denominator, 30_000_000):
            boundaries = np.arange(1, denominator + 1) * (steps // denominator)
            boundaries = np.resize(boundaries[boundaries <= 4_000_000], 100)  # one shape, one compilation
            before, at = (
                falls(jnp.asarray(c, jnp.int32), jnp.float32(steps), jnp.float32(1 / denominator))
                for c in (boundaries - 1, boundaries)
            )
            done = boundaries // (steps // denominator)
            np.testing.assert_array_equal(before, 0.5 ** (done - 1.0).astype(np.float32))
            np.testing.assert_array_equal(at, 0.5 ** done.astype(np.float32))


RISING = ("warmup_cosine", "wsd", "power", "inverse_sqrt", "one_cycle", "cosine_restarts")


@pytest.mark.parametrize("name", [n for n in NAMES if n not in RISING])
def test_without_warmup_training_starts_at_the_peak_and_never_rises(name):
    values = np.asarray(getattr(schedules, name)(jnp.asarray(GRID, jnp.float32)))
    assert values[0] == 1.0
    assert (np.diff(values) <= 0).all()


@jax.jit
def halved(k, steps, every):
    return schedules.step(k / steps, every=every, factor=0.5)


@pytest.mark.parametrize("phases", range(1, 13))
def test_a_step_falls_exactly_at_the_training_step_that_begins_a_phase(phases):
    # step / steps and 1 / phases are both rounded to float32, and their quotient must not round below a whole number
    for steps in (phases, 7 * phases, 100 * phases, 1000):
        k = np.arange(1200)  # one shape, one compilation; the training ends at `steps`
        values = halved(k.astype(np.float32), steps, 1 / phases)
        np.testing.assert_allclose(values[:steps], 0.5 ** (k * phases // steps)[:steps], rtol=1e-5)  # float32 powers


def test_warmup_cosine_without_warmup_is_cosine():
    fractions = jnp.asarray(GRID, jnp.float32)
    without = schedules.warmup_cosine(fractions, warmup=0.0, final=0.1)
    np.testing.assert_allclose(without, schedules.cosine(fractions, final=0.1), atol=F32)


def test_wsd_of_nothing_but_cooldown_is_linear():
    fractions = jnp.asarray(GRID, jnp.float32)
    alone = schedules.wsd(fractions, warmup=0.0, cooldown=1.0, final=0.1)
    np.testing.assert_allclose(alone, schedules.linear(fractions, final=0.1), atol=F32)


CASES = {
    "polynomial(exponent=1) is linear": (
        lambda f: schedules.polynomial(f, exponent=1.0, final=0.1),
        lambda f: schedules.linear(f, final=0.1),
    ),
    "power(exponent=1/2) is inverse_sqrt": (
        lambda f: schedules.power(f, warmup=0.1, exponent=0.5),
        lambda f: schedules.inverse_sqrt(f, warmup=0.1),
    ),
    "cosine_restarts(cycles=1) is cosine": (
        lambda f: schedules.cosine_restarts(f, cycles=1.0, growth=2.0, final=0.1),
        lambda f: schedules.cosine(f, final=0.1),
    ),
    "one_cycle(start=0) is warmup_cosine but for its way up": (
        lambda f: schedules.one_cycle(jnp.maximum(f, 0.3), warmup=0.3, start=0.0, final=0.1),
        lambda f: schedules.warmup_cosine(jnp.maximum(f, 0.3), warmup=0.3, final=0.1),
    ),
    "power_cool(exponent=1) is wsd without warmup": (
        lambda f: schedules.power_cool(f, cooldown=0.4, exponent=1.0, final=0.1),
        lambda f: schedules.wsd(f, warmup=0.0, cooldown=0.4, final=0.1),
    ),
    "power_cool of nothing but cooldown is polynomial": (
        lambda f: schedules.power_cool(f, cooldown=1.0, exponent=2.0),
        lambda f: schedules.polynomial(f, exponent=2.0),
    ),
    "power_cool is the least of the peak and a power of what is left": (
        lambda f: schedules.power_cool(f, cooldown=0.4, final=0.01),
        lambda f: jnp.minimum(1, (0.4 / (1 - 0.01 ** (1 / 1.2))) ** -1.2 * (POWER_COOL_END - f) ** 1.2),
    ),
}
POWER_COOL_END = 0.6 + 0.4 / (1 - 0.01 ** (1 / 1.2))  # where the power alone would be 0


@pytest.mark.parametrize("case", CASES)
def test_one_schedule_is_a_case_of_another(case):
    one, other = (f(jnp.asarray(GRID, jnp.float32)) for f in CASES[case])
    np.testing.assert_allclose(one, other, atol=2 * F32)


@jax.jit
def restarted(k, steps, cycles, growth):
    return schedules.cosine_restarts(k / steps, cycles=cycles, growth=growth)


@pytest.mark.parametrize(("cycles", "growth"), [*((n, 1) for n in range(2, 13)), (3, 2), (5, 2), (4, 3)])
def test_a_restart_is_at_the_step_that_begins_a_cycle_and_at_no_other(cycles, growth):
    ends = np.cumsum(growth ** np.arange(cycles))
    for first in (100, 1000, 300_000 if growth == 1 else 2000):  # steps of the first cycle
        k = first * np.concatenate([np.resize(ends[:-1], 12)] * 2) - np.repeat([1, 0], 12)  # one shape, one compilation
        before, at = np.split(restarted(k.astype(np.float32), first * ends[-1], cycles, growth), 2)
        np.testing.assert_allclose(at, 1.0, atol=1e-6)
        assert (before < 0.001).all()


# Over so many steps, as Optax has them

COUNTS = np.arange(0, 1200, 7)  # of 1000 steps, and further
IN_OPTAX = {
    "cosine": (
        schedules.over(schedules.cosine, steps=1000, peak=3e-3, final=0.1),
        optax.cosine_decay_schedule(3e-3, 1000, 0.1),
    ),
    "linear": (
        schedules.over(schedules.linear, steps=1000, peak=3e-3, final=0.5),
        optax.linear_schedule(3e-3, 1.5e-3, 1000),
    ),
    "exponential": (
        schedules.over(schedules.exponential, steps=1000, peak=3e-3, final=0.01),
        optax.exponential_decay(3e-3, 1000, 0.01, end_value=3e-5),
    ),
    "warmup_cosine": (
        schedules.over(schedules.warmup_cosine, steps=1000, peak=3e-3, warmup=0.2, final=0.1),
        optax.warmup_cosine_decay_schedule(0.0, 3e-3, 200, 1000, 3e-4),
    ),
    "polynomial": (
        schedules.over(schedules.polynomial, steps=1000, peak=3e-3, exponent=0.9, final=0.1),
        optax.polynomial_schedule(3e-3, 3e-4, 0.9, 1000),
    ),
    "one_cycle": (
        schedules.over(schedules.one_cycle, steps=1000, peak=3e-3, warmup=0.3, start=0.04, final=4e-6),
        jnp.vectorize(optax.cosine_onecycle_schedule(1000, 3e-3, 0.3, 25.0, 1e4)),
    ),
    "cosine_restarts": (
        schedules.over(schedules.cosine_restarts, steps=700, peak=3e-3, cycles=3, growth=2.0, final=0.1),
        optax.sgdr_schedule(
            [
                {"init_value": 3e-3, "peak_value": 3e-3, "warmup_steps": 0, "decay_steps": n, "end_value": 3e-4}
                for n in (100, 200, 400)
            ]
        ),
    ),
    "by name": (
        schedules.over(padl.schedule("cosine", final=0.1), steps=1000, peak=3e-3),
        optax.cosine_decay_schedule(3e-3, 1000, 0.1),
    ),
}


@pytest.mark.parametrize("name", IN_OPTAX)
def test_a_schedule_over_steps_is_optaxs_to_rounding(name):
    ours, theirs = IN_OPTAX[name]
    np.testing.assert_allclose(ours(jnp.asarray(COUNTS)), theirs(jnp.asarray(COUNTS)), rtol=2e-5, atol=3e-9)
    np.testing.assert_allclose(jax.jit(ours)(3), theirs(3), rtol=2e-5)


def test_optaxs_optimizers_and_padls_take_a_schedule_over_steps_and_walk_one_path():
    rate = schedules.over(schedules.cosine, steps=4, peak=0.5)
    paths = []
    for tx in (padl.optimizers.adam(rate), optax.adam(rate)):
        x, state, path = jnp.array([1.0, -2.0]), tx.init(jnp.zeros(2)), []
        for _ in range(5):
            updates, state = tx.update(2 * x, state)
            x = x + updates
            path.append(x)
        paths.append(path)
    np.testing.assert_allclose(*paths, rtol=1e-5)
    np.testing.assert_array_equal(paths[0][4], paths[0][3])  # all of training is done: the rate is 0


def test_a_run_with_a_schedule_is_the_run_whose_optimizer_has_it_over_its_steps():
    run = {"task": "surface", "steps": 40, "devices": 1}
    inside = padl.optimizers.adam(schedules.over(schedules.cosine, steps=40, peak=0.1, final=0.2))
    by_name = padl.train(
        **run, optimizer={"name": "adam", "learning_rate": 0.1}, schedule={"name": "cosine", "final": 0.2}
    )
    assert padl.train(**run, optimizer=inside).summary["final"]["loss"] == pytest.approx(
        by_name.summary["final"]["loss"], rel=1e-4
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: schedules.over(schedules.cosine, steps=0), r"steps=0 is outside its domain \[1, inf\]"),
        (lambda: schedules.over(schedules.cosine, steps=10, peak=-1.0), r"peak=-1.0 is outside its domain"),
        (lambda: schedules.over(schedules.cosine, steps=10, final=2.0), r"schedule.final=2.0 is outside"),
        (lambda: schedules.over("cosine", steps=10), "takes a schedule, as padl.schedules.cosine, and not 'cosine'"),
        (lambda: schedules.cosine(final=0.1), r"fraction of training: padl.schedules.over\(padl.schedule\('cosine'\)"),
    ],
)
def test_what_makes_no_schedule_of_steps_is_refused_at_once(call, message):
    with pytest.raises(padl.PadlError, match=message):
        call()
