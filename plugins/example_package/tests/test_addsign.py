"""addsign and restarted_line are what their equations say, which stand here a second time: in NumPy and float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from addsign.optimizers import addsign as rule
from addsign.schedules import restarted_line


def oracle(w, grads, learning_rate, momentum, base):
    """Yield w after a step along each gradient. `padl check --oracle` takes this function too."""
    m = np.zeros_like(w)
    for g in grads:
        m = momentum * m + (1 - momentum) * g
        w = w - learning_rate * (base + np.sign(g) * np.sign(m)) * g
        yield w


def test_each_of_three_steps_is_that_of_the_equation():
    settings = {"learning_rate": 0.1, "momentum": 0.75, "base": 1.5}
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(2, 3)), rng.normal(size=(3, 2, 3))
    with jax.enable_x64(True):
        tx = rule(**settings)
        params = jnp.asarray(start)
        state = tx.init(params)
        for g, expected in zip(gradients, oracle(start, gradients, **settings), strict=True):
            updates, state = tx.update(jnp.asarray(g), state, params)
            params = optax.apply_updates(params, updates)
            # PADL may keep a hyperparameter in float32
            np.testing.assert_allclose(np.asarray(params), expected, rtol=1e-6)


def test_two_lines_fall_one_behind_the_other():
    shares = restarted_line(np.array([0, 0.25, 0.5, 0.75, 1.0]), cycles=2.0)
    np.testing.assert_allclose(shares, [1, 0.5, 1, 0.5, 0], atol=1e-6)
