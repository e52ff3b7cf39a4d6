"""Random gradients for arrays of every form, along which a rule and its oracle are followed. walked, expected,
through_sizes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from padl import optimizers
from padl.optimizers.transformation import readout_of

STEPS = 20
SHAPES = {"scalar": (), "vector": (7,), "matrix": (4, 3), "stack": (2, 3, 2), "convolution": (3, 3, 2, 2)}


class Whole:
    """Marks an oracle of all arrays together: it takes and yields dicts of arrays, others one array.

    `rtol` is larger than usual where a decomposition makes more of a rounding.
    """

    def __init__(self, rule, rtol=1e-9):
        self.rule, self.rtol = rule, rtol


def problem(seed=0):
    """A start, and a gradient for every step, as dicts of float64 arrays; of many magnitudes."""
    rng = np.random.default_rng(seed)
    scale = {name: 10.0 ** rng.integers(-3, 3, size=shape) for name, shape in SHAPES.items()}
    start = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    draw = lambda name, shape: rng.normal(size=(STEPS, *shape)) * scale[name]  # noqa: E731
    return start, {name: draw(name, shape) for name, shape in SHAPES.items()}


def gradient_elsewhere(g, point):
    """The gradient that a rule finds at another point: one array of a step, and of the point."""
    return g + 0.5 * point


def loss_elsewhere(g, point):
    """The loss whose gradient that is, of one array."""
    return (g * point).sum() + 0.25 * (point**2).sum()


def expected(rule, hyperparameters):
    """The parameters after each step by the oracle: {name: (STEPS, ...)}."""
    start, grads = problem()
    if not isinstance(rule, Whole):
        return {name: np.stack([*rule(start[name], grads[name], **hyperparameters)]) for name in SHAPES}
    in_turn = [{name: grads[name][k] for name in SHAPES} for k in range(STEPS)]
    path = [*rule.rule(start, in_turn, **hyperparameters)]
    return {name: np.stack([point[name] for point in path]) for name in SHAPES}


def walked(tx, of_gradients=None, arrays=tuple(SHAPES), judged=False):
    """The parameters after each step of an optimizer: {name: (STEPS, ...)}, in one program.

    `of_gradients` changes the arrays of gradients first; `arrays` are the names of those that there are; `judged` takes
    what the optimizer reads out.
    """
    start, grads = ({name: jnp.asarray(of[name]) for name in arrays} for of in problem())
    grads = jax.tree.map(of_gradients, grads) if of_gradients else grads

    def step(carry, g):
        params, state = carry
        grad_fn = partial(jax.tree.map, gradient_elsewhere, g)
        loss = lambda at: sum(map(loss_elsewhere, g.values(), at.values()))  # noqa: E731
        extras = {"grad_fn": grad_fn, "value": loss(params), "value_fn": loss, "key": jax.random.key(0)}
        updates, state = tx.update(g, state, params, **extras)
        params = optax.apply_updates(params, updates)
        return (params, state), readout_of(tx)(state, params) if judged else params

    return jax.jit(lambda params: jax.lax.scan(step, (params, tx.init(params)), grads)[1])(start)


def follows(name, rule, hyperparameters, judged=False):
    """Assert, in float64, that an optimizer takes its oracle's path; `judged`, that its readouts do."""
    path = walked(getattr(optimizers, name)(**hyperparameters), judged=judged)
    for array, points in expected(rule, hyperparameters).items():
        message = f"{name}, {array}"
        # float64 over 20 steps; atol where x crosses 0
        rtol = getattr(rule, "rtol", 1e-9)
        np.testing.assert_allclose(path[array], points, rtol=rtol, atol=rtol / 1e3, err_msg=message)


def through_sizes(tx, sizes, shapes=((), (3,), (2, 3), (0, 3), (2, 0, 3))):
    """Updates and states, in float32, for gradients of these sizes in turn, of arrays of these shapes; one program."""
    params = {str(shape): jnp.ones(shape, jnp.float32) for shape in shapes}

    def step(state, size):
        grads = {name: jnp.full_like(p, size) for name, p in params.items()}
        updates, state = tx.update(grads, state, params, key=jax.random.key(0))
        return state, (updates, state)

    run = jax.jit(lambda: jax.lax.scan(step, tx.init(params), jnp.asarray(sizes, jnp.float32))[1])
    return jax.tree.map(np.asarray, run())
