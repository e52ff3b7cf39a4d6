"""Descent with memory: identities between the rules, Keras's place of the learning rate, kinds of decay."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracle_problem import SHAPES, STEPS, problem, walked
from rules_descent import numpy_keras_sgd

from padl import optimizers, schedules

pytestmark = pytest.mark.usefixtures("x64")


def mean_momentum(learning_rate, momentum):
    """Momentum whose velocity averages: in Optax."""
    return optax.chain(optax.ema(momentum, debias=False), optax.scale(-learning_rate))


SAME = {
    "sgdw(weight_decay=0) = momentum": (optimizers.sgdw(0.1, 0.7, 0.0), optimizers.momentum(0.1, 0.7)),
    "qhm(nu=0) = sgd": (optimizers.qhm(0.1, 0.7, 0.0), optimizers.sgd(0.1)),
    "qhm(nu=1) = momentum that averages": (optimizers.qhm(0.1, 0.7, 1.0), mean_momentum(0.1, 0.7)),
    "qhm(nu=1, η / (1-ρ)) = momentum": (optimizers.qhm(0.5, 0.8, 1.0), optimizers.momentum(0.1, 0.8)),
    "qhm(nu=β, η / (1-ρ)) = nesterov": (optimizers.qhm(0.5, 0.8, 0.8), optimizers.nesterov(0.1, 0.8)),
    "momentum@keras = momentum, for a constant η": (
        optimizers.momentum(0.1, 0.8, convention="keras"),
        optimizers.momentum(0.1, 0.8),
    ),
    "nesterov@keras = nesterov, for a constant η": (
        optimizers.nesterov(0.1, 0.8, convention="keras"),
        optimizers.nesterov(0.1, 0.8),
    ),
    "sgdw = momentum of optax and decay": (
        optimizers.sgdw(0.1, 0.7, 0.3),
        optax.chain(optax.trace(0.7), optax.add_decayed_weights(0.3), optax.scale(-0.1)),
    ),
}


@pytest.mark.parametrize("identity", SAME)
def test_one_rule_of_descent_is_a_case_of_another(identity):
    one, other = map(walked, SAME[identity])
    for array, points in one.items():
        np.testing.assert_allclose(points, other[array], rtol=1e-11, atol=1e-12, err_msg=array)  # sums in other orders


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_in_keras_each_gradient_keeps_the_learning_rate_of_its_time(name):
    falling = lambda count: 0.1 / (1 + count)  # noqa: E731
    path = walked(getattr(optimizers, name)(falling, 0.7, convention="keras"))
    start, grads = problem()
    rates = [falling(k) for k in range(STEPS)]
    for array in SHAPES:
        expected = [*numpy_keras_sgd(start[array], grads[array], rates, 0.7, name == "nesterov")]
        np.testing.assert_allclose(path[array], np.stack(expected), rtol=1e-9, atol=1e-12)
    outside = walked(getattr(optimizers, name)(falling, 0.7))
    assert abs(outside["vector"] - path["vector"]).max() > 0.1


def test_the_decay_of_sgdws_paper_is_the_independent_kind():
    """Algorithm 1 as it stands: both α and λ are scaled by the schedule, and λ by nothing else."""
    rate = schedules.over(schedules.linear, steps=2 * STEPS, peak=0.2)
    path = walked(optimizers.sgdw(rate, 0.0, 0.05, decay_kind="independent"))
    start, grads = problem()
    x = start["vector"]
    for k in range(STEPS):
        share = 1 - k / (2 * STEPS)
        x = x - share * 0.2 * grads["vector"][k] - share * 0.05 * x
        np.testing.assert_allclose(path["vector"][k], x, rtol=1e-6, atol=1e-6)  # count / steps is rounded to float32


def test_a_huge_gradient_is_forgotten_as_the_velocity_decays():
    """In float32: no infinity, no NaN, and 400 steps later nothing of 1e30 is left."""
    with jax.enable_x64(False):
        for tx in (optimizers.momentum(0.1, 0.5), optimizers.qhm(0.1, 0.5), optimizers.sgdw(0.1, 0.5, 0.0)):
            p = jnp.ones(2)
            _, state = tx.update(jnp.array([1e30, 1.0]), tx.init(p), p)
            step = lambda state, _, tx=tx, p=p: tx.update(jnp.zeros(2), state, p)[::-1]  # noqa: E731
            _, updates = jax.lax.scan(step, state, length=400)
            assert np.isfinite(updates).all()
            assert not updates[-1].any()
