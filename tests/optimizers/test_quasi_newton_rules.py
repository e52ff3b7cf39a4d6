"""L-BFGS: identities, Newton's steps, and losses that are no numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from padl import optimizers


def walk(tx, loss, start, steps):
    """The parameters after each step."""

    def step(carry, _):
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params)
        updates, state = tx.update(grads, state, params, value=value, value_fn=loss, grad_fn=jax.grad(loss))
        params = optax.apply_updates(params, updates)
        return (params, state), params

    start = jnp.asarray(start)
    return np.asarray(jax.jit(lambda: jax.lax.scan(step, (start, tx.init(start)), length=steps)[1])())


def bowl(p):
    return (3 * p[0] ** 2 + p[1] ** 2) / 2


def test_without_history_it_is_gd_with_a_line_search(x64):
    start, c = np.array([1.0, 2.0]), 0.3
    expected, p = [], start
    for _ in range(5):
        g, a = np.array([3 * p[0], p[1]]), 1.0
        while bowl(p - a * g) > bowl(p) - c * a * g @ g:
            a /= 2  # here never too short for the second condition
        p = p - a * g
        expected.append(p)
    np.testing.assert_allclose(walk(optimizers.lbfgs(history=0, decrease=c), bowl, start, 5), expected, rtol=1e-12)


def test_the_valley_of_rosenbrock_is_walked_to_its_end_in_forty_steps(x64):
    valley = lambda p: 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2  # noqa: E731
    path = walk(optimizers.lbfgs(), valley, [-1.2, 1.0], 60)
    losses = np.array([valley(p) for p in path])
    assert (np.diff(losses) <= 0).all()
    assert losses[40] < 1e-12


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_with_a_pair_for_each_direction_the_scale_of_a_bowl_does_not_matter(scale, x64):
    start = [1.0, 2.0]
    path = walk(optimizers.lbfgs(trials=30), lambda p: scale * bowl(p), start, 25)
    assert scale * bowl(path[-1]) < 1e-12 * scale * bowl(np.array(start))


def test_a_step_to_where_the_loss_is_no_number_is_shortened_and_none_is_made_where_nothing_falls():
    loss = lambda p: -jnp.log(p[0]) + 3 * p[0]  # noqa: E731
    path = walk(optimizers.lbfgs(), loss, np.array([1.0], np.float32), 12)
    assert np.isfinite(path).all()
    np.testing.assert_allclose(path[-1], 1 / 3, rtol=1e-3)  # where float32 sees no decrease any more
    still = walk(optimizers.lbfgs(), lambda p: jnp.sum(p) * jnp.nan, np.ones(1, np.float32), 1)
    assert not np.isinf(still).any()
