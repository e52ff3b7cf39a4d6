"""A function of the fraction of training is a schedule."""

import math
from functools import partial

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl.app.names import part
from padl.app.objects.schedules import schedule
from padl.types import PadlError

FRACTIONS = jnp.linspace(0, 1, 7)


def test_its_shares_are_those_of_padls_own():
    own = schedule(lambda fraction: 1 - fraction)(FRACTIONS)
    np.testing.assert_allclose(own, padl.schedule("linear")(FRACTIONS), atol=1e-7)
    assert (schedule(lambda fraction: 0.5)(FRACTIONS) == 0.5).all()


def test_its_other_arguments_are_hyperparameters():
    found = part("schedule", {"name": lambda fraction, power=2.0: (1 - fraction) ** power, "power": 3.0})
    assert found.config == {"name": "function", "from": "python", "power": 3.0}


@pytest.mark.parametrize(
    ("thing", "line"),
    [
        (3, "must be a name"),
        (lambda: 1.0, "is a function of the fraction"),
        (lambda fraction: 2.0, "gives 2 where 0% of training is done"),
        (lambda fraction: 0.5 - fraction, "gives -0.1 where 60% of training is done"),
        (lambda fraction: jnp.nan, "gives nan"),
        (lambda fraction: jnp.ones(3), r"gives an array \(3,\) for a fraction"),
        (lambda fraction: "a", "cannot be called with a fraction: ValueError"),
        (lambda fraction: 1 / 0, "cannot be called with a fraction: ZeroDivisionError"),
        (lambda fraction: 1.0 if fraction < 0.5 else 0.1, "cannot be traced: write it with jax.numpy"),
        (lambda fraction: math.cos(fraction), "cannot be traced"),
        (lambda fraction: np.cos(fraction), "cannot be traced"),
        (optax.cosine_decay_schedule(1.0, 10), "is Optax's and counts steps"),
        (partial(lambda scale, fraction: scale, 3.0), "gives 3 where"),
    ],
)
def test_what_is_no_share_of_the_peak_is_one_line(thing, line):
    with pytest.raises(PadlError, match=line):
        part("schedule", thing)
