"""The schedules: hand-computed points, the range [0, 1], phases without length, numbers as data."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl import registry, schedules
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


@pytest.mark.parametrize("name", NAMES)
def test_every_schedule_stays_between_nothing_and_the_peak_for_all_its_numbers(name):
    shape, numbers = registry.schedule.get(name).split({})
    corners = {  # the ends of each domain and points between them
        "final": [0.0, 0.1, 1.0],
        "warmup": [0.0, 0.1, 0.7, 1.0],
        "cooldown": [0.0, 0.05, 0.1, 0.35, 1.0],
        "every": [0.01, 1 / 3, 1.0],
        "factor": [0.1, 1.0],
    }
    axes = np.meshgrid(*(corners.get(k, [0.5 * v, v]) for k, v in numbers.items()), indexing="ij")
    grid = {k: jnp.asarray(a.ravel(), jnp.float32) for k, a in zip(numbers, axes, strict=True)}
    fractions = jnp.asarray(GRID, jnp.float32)
    grid["of no use"] = jnp.zeros(axes[0].size if axes else 1)  # vmap wants an axis where a schedule has no numbers

    @jax.jit
    @jax.vmap
    def values_of(numbers):
        return shape(fractions, **{k: v for k, v in numbers.items() if k != "of no use"})

    values = values_of(grid)
    assert np.isfinite(values).all()
    assert values.min() >= 0.0
    assert values.max() <= 1.0


@pytest.mark.parametrize("name", NAMES)
def test_a_second_value_of_any_number_compiles_nothing(name):
    shape, numbers = registry.schedule.get(name).split({})
    assert numbers.keys() == {p.name for p in inspect.signature(shape.function).parameters.values() if p.kind == 3}
    traces = []

    @jax.jit
    def of(fraction, numbers):
        traces.append(1)
        return shape(fraction, **numbers)

    fraction = jnp.float32(0.875)
    for scale in (1.0, 0.5):
        scaled = {k: scale * v for k, v in numbers.items()}
        np.testing.assert_allclose(of(fraction, scaled), shape(fraction, **scaled), rtol=1e-5)  # float32, fused or not
    assert len(traces) == 1


@pytest.mark.parametrize("name", NAMES)
def test_an_array_of_fractions_gives_each_its_own_value(name):
    shape = getattr(schedules, name)
    fractions = jnp.asarray(GRID, jnp.float32).reshape(1, 101)
    values = shape(fractions)
    assert values.shape == (1, 101)
    for i in (0, 40, 100):
        np.testing.assert_allclose(values[0, i], shape(fractions[0, i]), rtol=1e-5, atol=F32)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("warmup_cosine", "wsd")])
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
