"""A function is minimised as it is written: its gradient, its parts, its metrics, its mistakes in one line."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl.tasks.own_objective import objective
from padl.types import Metric, PadlError

X = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
T = X @ np.array([1.0, -2.0], np.float32)
ROWS = {"x": X, "t": T}
OF_THE_TASK = ("init", "loss", "rows", "evaluate", "metrics", "title", "held_out")


def init(key):
    return {"w": jnp.array([0.5, 0.5])}


def residual(params, batch, key):
    return ((batch["x"] @ params["w"] - batch["t"]) ** 2).mean()


def norm(params, batch, key):
    return (params["w"] ** 2).sum()


def run(steps=3, **settings):
    task = {name: settings.pop(name) for name in OF_THE_TASK if name in settings}
    made = objective(**{"init": init, "loss": norm, **task})
    optimizer = settings.pop("optimizer", {"name": "sgd", "learning_rate": 0.1})
    return padl.train(task=made, optimizer=optimizer, steps=steps, devices=1, **settings)


def test_its_steps_are_those_of_gradient_descent():
    w = np.array([0.5, 0.5])
    for _ in range(3):
        w = w - 0.1 * 2 * w
    record = run()
    np.testing.assert_allclose(record.params["w"], w, rtol=1e-6)
    assert record.model is None
    np.testing.assert_allclose(record.summary["final"]["loss"], (w**2).sum(), rtol=1e-6)


def test_a_batch_cut_into_parts_is_the_whole_batch():
    whole, parts = (run(rows=ROWS, loss=residual, batch_size=16, accumulate=k) for k in (1, 2))
    np.testing.assert_allclose(whole.params["w"], parts.params["w"], rtol=1e-5)  # two sums of eight in float32


def test_its_held_out_rows_are_no_training_rows_and_epochs_count_the_others():
    record = run(rows=ROWS, loss=residual, epochs=2, batch_size=8, steps=None)
    assert record.summary["rows"] == {"train": 16, "held_out": 4}
    assert record.summary["steps"] == 4


def test_the_key_is_another_in_each_step_and_the_same_in_each_evaluation():
    def loss(params, batch, key):
        return norm(params, batch, key), {"draw": jax.random.uniform(key)}

    record = run(loss=loss, steps=4, steps_per_call=1, log_every=1, eval_every=2)
    drawn = record.history["train/draw"]
    assert len(np.unique(drawn[np.isfinite(drawn)])) == 4
    evaluated = record.history["eval/draw"]
    assert len(np.unique(evaluated[np.isfinite(evaluated)])) == 1


def test_what_is_declared_says_which_parameters_are_the_best():
    def far(params, rows, key):
        return {"far": (params["w"] ** 2).sum()}

    record = run(evaluate=far, metrics=[Metric("far", "max")], steps=4, steps_per_call=1, eval_every=1)
    assert record.summary["best"]["step"] == 1
    assert run(evaluate=far, metrics="far", steps=4, steps_per_call=1, eval_every=1).summary["best"]["step"] == 4


def test_two_players_descend_their_own_losses_alone():
    """One loss, whose gradient is stopped where the other player stands: x² y down for x, up for y."""

    def game(params, batch, key):
        fixed = jax.lax.stop_gradient(params)
        return params["x"] ** 2 * fixed["y"] - fixed["x"] ** 2 * params["y"]

    both = optax.multi_transform({"x": optax.sgd(0.1), "y": optax.sgd(0.05)}, {"x": "x", "y": "y"})
    record = run(init=lambda key: {"x": jnp.array(1.0), "y": jnp.array(2.0)}, loss=game, optimizer=both, steps=1)
    np.testing.assert_allclose([record.params["x"], record.params["y"]], [1 - 0.1 * 4, 2 + 0.05], rtol=1e-6)


def test_parameters_may_be_any_tree_of_floats_and_ema_and_clipping_reach_them():
    for made in ([1.0, np.ones(2)], jnp.ones(3), {"a": {"b": (jnp.ones(2),)}}):
        record = run(
            init=lambda key, made=made: made,
            loss=lambda p, b, k: sum((leaf**2).sum() for leaf in jax.tree.leaves(p)),
            ema=0.9,
            clip_norm=1.0,
            steps=1,
        )
        assert jax.tree.structure(record.params) == jax.tree.structure(made)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"init": lambda: {}}, r"init of padl\.tasks\.objective must be a function \(key\)"),
        ({"init": {"w": 1.0}}, "must be a function"),
        ({"init": lambda key: None}, "must make arrays of floating point"),
        ({"init": lambda key: {"w": jnp.ones(2, int)}}, r"made an array \(2,\) of int32"),
        ({"init": lambda key: {"w": "a"}}, "made of type str"),
        ({"loss": lambda params, batch: 0.0}, r"must be a function \(parameters, batch, key\)"),
        ({"loss": lambda p, b, k: p["w"] ** 2}, r"one number, and this one is an array \(2,\)"),
        ({"loss": lambda p, b, k: None}, "of type NoneType"),
        ({"loss": lambda p, b, k: (p["w"] > 0).sum()}, "of int32"),
        ({"loss": lambda p, b, k: (p["w"].sum(), 1, 2)}, "of type tuple"),
        ({"loss": lambda p, b, k: (p["w"].sum(), p["w"])}, r"must be \{name: number\}"),
        ({"loss": lambda p, b, k: (p["w"].sum(), {"a": p["w"]})}, "a metric is one number"),
        ({"loss": lambda p, b, k: (p["w"].sum(), {"loss": 1.0})}, "under a name of its own"),
        ({"loss": lambda p, b, k: b["z"]}, r"test_own_objective\.py:\d+, in <lambda>: KeyError: 'z'"),
        ({"evaluate": lambda p, r, k: 3}, r"must be \{name: number\}"),
        ({"evaluate": lambda p: {}}, r"must be a function \(parameters, rows, key\)"),
        ({"metrics": ["far"]}, r"metric 'far' of a task is not measured \(measured are: loss\)"),
        ({"metrics": [3]}, "must be a name"),
        ({"rows": [X]}, "rows must be {name: array"),
        ({"rows": {1: X}}, "rows must be {name: array"),
        ({"rows": {"x": X, "t": T[:3]}}, r"rows must be arrays of one length, and they are x \(20, 2\), t \(3,\)"),
        ({"rows": {"x": np.array(["a"] * 20)}}, "rows of 'x' hold <U1"),
        ({"rows": {"x": [[1], [2, 3]]}}, "rows of 'x' are no array"),
        ({"rows": {"x": X[:1]}}, "to hold out"),
        ({"rows": {"x": np.arange(20) + 2**40}}, "rows of 'x' hold whole numbers beyond 32 bits"),
        ({"held_out": 1.5}, "outside its domain"),
        ({"title": 3}, "must be one line of text"),
        ({"batch_size": 3}, "leave batch_size= out"),
        ({"rows": ROWS, "batch_size": 30}, "larger than the 16 training rows"),
        ({"model": "mlp"}, "leave model= out"),
    ],
)
def test_a_mistake_is_one_line(wrong, line):
    with pytest.raises(PadlError, match=line) as error:
        run(**wrong)
    assert "\n" not in str(error.value)


def test_each_of_two_players_descends_its_own_loss_and_one_has_two_steps_for_one_of_the_other():
    """The critic y has ½ y² - x y, the generator x has x y. The generator moves at every second step."""

    def game(params, batch, key):
        x, y = params["generator"]["x"], params["critic"]["y"]
        fixed_x, fixed_y = jax.lax.stop_gradient((x, y))
        return (0.5 * y**2 - fixed_x * y + x * fixed_y).sum()

    begin = lambda key: {"generator": {"x": jnp.array([2.0])}, "critic": {"y": jnp.array([1.0])}}  # noqa: E731
    groups = {"generator.*": {"learning_rate": 0.05, "every": 2}}
    optimizer = {"name": "sgd", "learning_rate": 0.1, "groups": groups}
    for steps in (1, 2, 5):
        found = run(steps, init=begin, loss=game, optimizer=optimizer).params
        x, y = 2.0, 1.0
        for step in range(steps):
            of_x, of_y = y, y - x
            x, y = x - 0.05 * of_x * (step % 2 == 0), y - 0.1 * of_y
        np.testing.assert_allclose(found["generator"]["x"], [x], rtol=1e-5)  # float32
        np.testing.assert_allclose(found["critic"]["y"], [y], rtol=1e-5)
