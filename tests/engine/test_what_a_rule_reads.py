"""What an optimizer is given beside the gradient, what of it is judged and kept, what of its updates is measured."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl.data.source import Data
from padl.data.split import Holdout
from padl.engine import lanes, loop, sweep
from padl.engine.experiment import Experiment
from padl.engine.keys import key_numbers
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.transformation import Transformation, hvp
from padl.registry import StaticPartial
from padl.tasks.loss_inputs import Words
from padl.tasks.regression import regression
from padl.tasks.task import ObjectiveConfig
from padl.types import Criterion, PadlError

X = np.random.default_rng(0).standard_normal((24, 3)).astype(np.float32)
TASK = regression(X, X @ np.float32([1, -2, 0.5]), holdout=Holdout(1 / 3), where="plane")
LOSS = ObjectiveConfig(StaticPartial(padl.models.linear), StaticPartial(padl.losses.mse), Words("values"))
KEY, STEPS = jax.random.key(0), 6
NUMBERS = {"schedule": {}, "model": {}, "loss": {}, "task": {}}


def build(optimizer, **options):
    return Experiment(TASK.objective(LOSS), optimizer, padl.schedules.constant, 8, **options)


def hparams(rate=0.1, **run):
    return jax.tree.map(np.float32, {**NUMBERS, "optimizer": {"learning_rate": rate}, "run": {"steps": STEPS, **run}})


def data(seed=0):
    return Data(TASK.rows, TASK.split(seed, {}))


def one_step(experiment, hp=None, key=KEY):
    hp = hp or hparams()

    @jax.jit
    def both(hp, d):
        state = experiment.init(key, hp)
        return state, *experiment.step(state, hp, d)

    return both(hp, data())


def by_extras(update, *needs):
    """An optimizer whose update is what a function makes of gradient, parameters and extras, times -learning rate."""

    def make(learning_rate):
        def updated(grads, state, params=None, **extras):
            direction = update(grads, params, **extras)
            return jax.tree.map(lambda d: -learning_rate(0) * d, direction), state

        return Transformation(lambda params: (), updated, needs=needs)

    return make


def moved(experiment, hp=None, key=KEY):
    state, after, _ = one_step(experiment, hp, key)
    return jax.tree.map(lambda a, b: np.asarray(b - a), state.params, after.params)


def close(actual, expected):
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=2e-5, atol=1e-7), actual, expected
    )  # float32, in parts or not


GRADIENT = by_extras(lambda g, p: g)
ITS_OWN = by_extras(lambda g, p, grad_fn: grad_fn(p), "grad_fn")


@pytest.mark.parametrize("accumulate", [1, 4])
@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.5}])
def test_the_gradient_that_a_rule_asks_for_is_the_one_that_it_is_given(accumulate, clip):
    """At the same parameters: of the same batch, in the same parts, clipped to the same norm."""
    given, asked = (moved(build(rule, accumulate=accumulate), hparams(**clip)) for rule in (GRADIENT, ITS_OWN))
    close(asked, given)
    if clip:
        norm = np.sqrt(sum((x**2).sum() for x in jax.tree.leaves(asked)))
        assert norm == pytest.approx(0.1 * 0.5, rel=1e-4)  # learning rate × clip_norm


def test_a_gradient_elsewhere_is_of_the_same_batch():
    away = lambda p: jax.tree.map(lambda x: x + 0.1, p)  # noqa: E731
    by_value = by_extras(lambda g, p, value_fn: jax.grad(value_fn)(away(p)), "value_fn")
    by_gradient = by_extras(lambda g, p, grad_fn: grad_fn(away(p)), "grad_fn")
    close(moved(build(by_gradient, accumulate=2)), moved(build(by_value)))


def test_a_hessian_vector_product_of_the_batchs_gradient_is_that_of_its_loss():
    ones = partial(jax.tree.map, jnp.ones_like)
    by_gradient = by_extras(lambda g, p, grad_fn: hvp(grad_fn, p, ones(p)), "grad_fn")
    by_value = by_extras(lambda g, p, value_fn: jax.jvp(jax.grad(value_fn), (p,), (ones(p),))[1], "value_fn")
    close(moved(build(by_gradient, accumulate=2)), moved(build(by_value)))


def noise(grads, params, key):
    return jax.tree.map(lambda p: jax.random.normal(key, p.shape), params)


def test_random_numbers_are_other_ones_for_every_seed_and_step():
    experiment = build(by_extras(noise, "key"))
    draws = [moved(experiment, key=jax.random.key(seed))["head.bias"] for seed in (0, 1)]
    assert draws[0] != draws[1]
    hp, d = hparams(), data()
    walk = lambda hp, d: jax.lax.scan(  # noqa: E731
        lambda s, _: (experiment.step(s, hp, d)[0], s.params["head.bias"]), experiment.init(KEY, hp), length=3
    )
    courses = jax.jit(walk)(hp, d)[1]
    assert len(set(np.diff(courses[:, 0]).tolist())) == 2


def test_a_rule_is_given_what_it_declares_and_nothing_else():
    seen = []

    def note(grads, params, **extras):
        seen.append(set(extras))
        return grads

    jax.eval_shape(lambda: one_step(build(by_extras(note, "value", "key"))))
    assert seen == [{"value", "key"}]
    with pytest.raises(PadlError, match="needs 'hessian', and it can be given value, value_fn, grad, grad_fn, key"):
        by_extras(note, "hessian")(lambda count: 0.1)


def test_a_strangers_transformation_is_given_what_its_signature_has_a_place_for():
    def plain(learning_rate):
        def update(grads, state, params=None, *, value):
            return jax.tree.map(lambda g: -value * g, grads), state

        return optax.GradientTransformationExtraArgs(lambda params: (), update)

    jax.eval_shape(lambda: one_step(build(plain)))  # `grad_fn`, `key` and others would be refused by Python


def test_a_rule_that_takes_no_gradient_but_its_own_elsewhere_can_be_clipped():
    jax.eval_shape(lambda: one_step(build(ITS_OWN), hparams(clip_norm=1.0)))
    own = by_extras(lambda g, p, value_fn: jax.grad(value_fn)(p), "value_fn")
    with pytest.raises(PadlError, match="clip_norm would do nothing"):
        jax.eval_shape(lambda: one_step(build(own), hparams(clip_norm=1.0)))


# What is judged and kept


class Half(NamedTuple):
    half: jax.Array


def halved(learning_rate):
    """Gradient descent that wants half of its parameters judged."""
    rule = leafwise(lambda p: Half(p / 2), lambda g, s, p, t, learning_rate: (g, Half((p - learning_rate * g) / 2)),
                    needs=("params", "learning_rate"))  # fmt: skip
    return descend(rule, learning_rate, readout=lambda state, params: state.slots.half)


LEAST = Criterion("loss", "min")
CALLS = {"steps": STEPS, "steps_per_call": 3, "eval_every": 3}


def trained(optimizer, hp=None, **options):
    return loop.last(loop.run(build(optimizer, **options), KEY, hp or hparams(), data(), criterion=LEAST, **CALLS))


def test_what_the_optimizer_reads_out_is_judged_and_kept():
    end = trained(halved)
    half = jax.tree.map(lambda x: x / 2, end.state.params)
    close(end.judged, half)
    assert end.best.step == STEPS
    close(end.best.params, end.judged)
    judged = jax.jit(build(halved).evaluate)(half, end.state.model_state, hparams(), data())
    assert end.evaluation["loss"] == pytest.approx(float(judged["loss"]), rel=1e-5)


def test_the_moving_average_is_of_what_the_optimizer_reads_out():
    ours, plain = (trained(rule, hparams(ema=0.5)) for rule in (halved, padl.optimizers.sgd))
    close(ours.judged, jax.tree.map(lambda x: x / 2, plain.judged))


def swept(experiment, rates):
    """The last chunk of each member of a sweep over learning rates, in one program."""
    what = lanes.Structure(experiment, STEPS, 3, 3, LEAST)
    numbers = lanes.stack([hparams(rate) for rate in rates])
    splits = lanes.stack([TASK.split(0, {})] * 2)
    who = lanes.Members(np.stack([key_numbers(0)] * 2), numbers, Data(dict(TASK.rows), splits))
    chunks = [c for p in sweep.run(what, who, lanes.Lanes("vmap", 2, tuple(jax.devices()[:1]))) for c in p.chunks]
    return {member: chunk for member, chunk in chunks if isinstance(chunk, loop.LastChunk)}


def test_a_member_of_a_sweep_is_judged_as_the_run_alone():
    rates = (0.1, 0.02)
    ends = swept(build(halved, measure=("update_rms",)), rates)
    for member, rate in enumerate(rates):
        alone = trained(halved, hparams(rate), measure=("update_rms",))
        close(ends[member].judged, alone.judged)
        close(ends[member].best.params, alone.best.params)
        np.testing.assert_allclose(ends[member].train["update_rms"], alone.train["update_rms"], rtol=1e-4)


# What is measured


def test_an_update_is_measured_by_name():
    names = ("gradient_norm", "update_rms", "update_to_weight", "effective_step")
    state, after, metrics = one_step(build(padl.optimizers.sgd, measure=names))
    p, q = (np.concatenate([x.ravel() for x in jax.tree.leaves(each.params)]) for each in (state, after))
    u = q - p
    expected = [np.linalg.norm(u) / 0.1, np.sqrt((u**2).mean()), np.linalg.norm(u) / np.linalg.norm(p), 0.1]
    np.testing.assert_allclose([metrics[name] for name in names], expected, rtol=1e-3)  # differences of float32


def test_an_optimizer_measures_what_it_declares_and_another_name_is_refused():
    def make(learning_rate):
        tx = padl.optimizers.sgd(learning_rate)
        count = lambda state, updates, params: {"steps_done": state.count}  # noqa: E731
        return Transformation(tx.init, tx.update, measure=count)

    assert one_step(build(make, measure=("steps_done",)))[2]["steps_done"] == 1
    with pytest.raises(
        PadlError, match=r"measure=steps_dne: not measured of this optimizer; did you mean 'steps_done'"
    ):
        jax.eval_shape(lambda: one_step(build(make, measure=("steps_dne",))))


def test_what_nobody_asks_for_is_not_computed():
    def never(state, updates, params):
        raise AssertionError("measured")

    def make(learning_rate):
        tx = padl.optimizers.sgd(learning_rate)
        return Transformation(tx.init, tx.update, measure=never)

    jax.eval_shape(lambda: one_step(build(make)))


@pytest.mark.parametrize("name", ["lamb", "lars"])
def test_a_member_of_a_sweep_has_the_trust_ratio_that_it_has_alone(name):
    rule, rates = getattr(padl.optimizers, name), (0.1, 0.02)
    ends = swept(build(rule, measure=("trust_ratio",)), rates)
    for member, rate in enumerate(rates):
        alone = trained(rule, hparams(rate), measure=("trust_ratio",)).train["trust_ratio"]
        assert alone.shape == (STEPS // 2,)
        np.testing.assert_allclose(ends[member].train["trust_ratio"], alone, rtol=1e-4)  # float32, in another order


def test_a_step_without_the_trust_ratio_computes_none_of_its_norms():
    """Which are two of each array, of which there are two."""

    def norms(*names):
        experiment = build(padl.optimizers.lamb, measure=names)
        state = jax.eval_shape(experiment.init, KEY, hparams())
        step = jax.make_jaxpr(experiment.step)(state, hparams(), data())
        return sum(" = sqrt" in line and ":f32[]" in line for line in str(step).splitlines())

    assert norms("trust_ratio") - norms() == 4
