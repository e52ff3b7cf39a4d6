"""An Optax transformation, or a function that makes one, is an optimizer: its steps are those of the paper."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from own_things import NUMBERS

import padl
from padl.app.names import part
from padl.app.objects.optimizers import Fixed, optimizer
from padl.types import PadlError

RATE, B1, B2, DECAY = 0.1, 0.9, 0.99, 0.01
PARABOLA = padl.tasks.objective(
    init=lambda key: {"w": jnp.array([1.0, -2.0])},
    loss=lambda params, batch, key: (params["w"] ** 2 * jnp.array([1.0, 3.0])).sum(),
)


def lion(steps):
    """Chen et al. 2023, algorithm 2, in float64."""
    w, m, a = np.array([1.0, -2.0]), np.zeros(2), np.array([1.0, 3.0])
    for _ in range(steps):
        g = 2 * a * w
        w, m = w - RATE * (np.sign(B1 * m + (1 - B1) * g) + DECAY * w), B2 * m + (1 - B2) * g
    return w


@pytest.mark.parametrize(
    "thing",
    [
        optax.lion(RATE, B1, B2, weight_decay=DECAY),
        {"name": partial(optax.lion, weight_decay=DECAY), "learning_rate": RATE},
    ],
)
def test_a_run_by_an_optimizer_of_optax_takes_the_steps_of_the_paper(thing):
    record = padl.train(task=PARABOLA, optimizer=thing, steps=14, devices=1)
    np.testing.assert_allclose(record.params["w"], lion(14), atol=1e-6)  # 14 float32 additions of 0.1


def test_a_factory_has_its_arguments_as_hyperparameters_and_its_learning_rate_is_traced():
    found = part("optimizer", {"name": optax.adamw, "learning_rate": 0.1, "b1": 0.8})
    assert found.scalars == {"learning_rate": 0.1}
    assert found.config["name"] == "adamw"
    assert found.config["b1"] == 0.8
    assert "mask" in dict(found.choice.static)
    assert "mu_dtype" in dict(found.choice.static)


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (optax.adam(0.1), "chain"),
        (optax.MultiSteps(optax.sgd(0.1), 2), "MultiSteps"),
        (optax.MultiSteps(optax.sgd(0.1), 2).gradient_transformation(), "MultiSteps"),
        (optax.identity(), "identity"),
        (optax.GradientTransformation(lambda p: (), lambda g, s, p=None: (g, s)), "transformation"),
    ],
)
def test_a_transformation_is_called_by_the_function_that_made_it(thing, name):
    assert isinstance(optimizer(thing), Fixed)
    assert optimizer(thing).__name__ == name


@pytest.mark.parametrize(
    ("thing", "line"),
    [
        (3, "must be a name"),
        (int, "optimizer=int: an optimizer is an Optax transformation"),
        (optax.lion, "learning_rate of optimizer 'lion' has no default"),
        (lambda: 3, "makes no Optax transformation, but something of type int"),
        ({"name": optax.lion, "learning_rate": -1.0}, "outside its domain"),
        ({"name": optax.lion, "learning_rate": optax.cosine_decay_schedule(1.0, 5)}, "no configuration can hold"),
        ({"name": optax.lion, "learning_rate": 0.1, "b1": np.ones(3)}, "no configuration can hold"),
        (optax.GradientTransformation(lambda p: (), lambda g, s, p=None: 1 / 0), "ZeroDivisionError"),
        (optax.masked(optax.sgd(0.1), {"other": True}), "optimizer 'masked'"),
    ],
)
def test_what_is_no_optimizer_is_one_line(thing, line):
    with pytest.raises(PadlError, match=line) as error:
        padl.train(task=NUMBERS, model="linear", optimizer=thing, steps=2, devices=1)
    assert "\n" not in str(error.value)


def test_no_schedule_reaches_the_numbers_in_a_transformation():
    with pytest.raises(PadlError, match="has no learning_rate to schedule"):
        padl.train(task=NUMBERS, optimizer=optax.adam(0.1), schedule="cosine")
