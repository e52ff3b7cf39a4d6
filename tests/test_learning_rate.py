"""The learning rate of a run is a schedule: who takes it for a number is told what to write."""

import jax
import jax.numpy as jnp
import pytest

from padl.types import LearningRate

RATE = LearningRate(jnp.float32(0.5), lambda fraction: 1 - fraction, 10)
G = jnp.ones(3)


def test_it_is_a_function_of_the_step_count():
    assert float(RATE(4)) == pytest.approx(0.3)
    assert float(RATE(20)) == 0


@pytest.mark.parametrize(
    "rule",
    [
        lambda rate: -rate * G,
        lambda rate: G * rate,
        lambda rate: 1 - rate,
        lambda rate: G / rate,
        lambda rate: rate > 0,
        lambda rate: 2**rate,
        jnp.asarray,
        float,
        lambda rate: jax.jit(lambda g: g * rate)(G),
    ],
)
def test_arithmetic_with_it_says_what_to_write(rule):
    with pytest.raises(TypeError, match=r"is a schedule, .* write descend\(rule, learning_rate\)"):
        rule(RATE)
