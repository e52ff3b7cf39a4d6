"""Sign methods: identities between them, what Optax does the same, and where its RPROP goes wrong."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracle_problem import walked

from padl import optimizers

pytestmark = pytest.mark.usefixtures("x64")


LION = {"b1": 0.6, "b2": 0.8, "weight_decay": 0.3}
SAME = {
    "signum(momentum=0) = signsgd": (optimizers.signum(0.1, momentum=0.0), optimizers.signsgd(0.1)),
    "lion(b1=b2) = signum": (optimizers.lion(0.1, b1=0.7, b2=0.7), optimizers.signum(0.1, momentum=0.7)),
    "rprop(η⁺=η⁻=1, no way back) = signsgd where signs stay": (
        optimizers.rprop(0.1, first_step=1.0, eta_minus=1.0, eta_plus=1.0),
        optimizers.signsgd(0.1),
    ),
    "optax.sign_sgd": (optimizers.signsgd(0.1), optax.sign_sgd(0.1)),
    "optax.signum": (optimizers.signum(0.1, 0.7), optax.signum(0.1, 0.7)),
    "optax.lion": (optimizers.lion(0.1, **LION), optax.lion(0.1, **LION)),
}


@pytest.mark.parametrize("identity", SAME)
def test_one_sign_method_is_a_case_of_another(identity):
    sign = jnp.abs if "signs stay" in identity else None
    one, other = (walked(tx, of_gradients=sign) for tx in SAME[identity])
    for array, points in one.items():
        np.testing.assert_allclose(points, other[array], rtol=1e-13, atol=1e-14, err_msg=array)  # a few roundings


def steps_of(tx, gradients):
    """The updates of one parameter for these gradients, in turn."""
    x, steps = jnp.zeros(()), []
    state = tx.init(x)
    for g in gradients:
        update, state = tx.update(jnp.asarray(g), state, x)
        steps.append(float(update))
    return steps


GRADIENTS = [1.0, 2.0, -0.1, -0.1, 3.0, 0.0, 1e-200]


def test_rprop_goes_back_by_hand():
    # Δ: 0.1, 0.12, then 0.06 and back by 0.12; with 0 remembered -0.1 is stepped on by 0.06, its change takes it back.
    expected = [-0.1, -0.12, 0.12, 0.06, -0.06, 0.0, -0.03]
    assert steps_of(optimizers.rprop(), GRADIENTS) == pytest.approx(expected)


def test_rprop_of_torch_rests_by_hand():
    expected = [-0.1, -0.12, 0.0, 0.06, 0.0, 0.0, -0.03]
    assert steps_of(optimizers.rprop(convention="torch"), GRADIENTS) == pytest.approx(expected)


def test_optaxs_rprop_lags_a_step_behind():
    """Optax 0.2.8 returns the step before this one, and 0 at the first: a parameter moves against an old gradient."""
    assert steps_of(optax.rprop(0.1), GRADIENTS)[:2] == pytest.approx([0.0, -0.1])
    assert steps_of(optimizers.rprop(), GRADIENTS)[:2] == pytest.approx([-0.1, -0.12])


@pytest.mark.parametrize("size", [1e-30, 1e30])
@pytest.mark.parametrize("name", ["signsgd", "signum", "lion", "rprop"])
def test_the_first_step_does_not_depend_on_the_size_of_the_gradient(name, size):
    tx, p = getattr(optimizers, name)(0.01), jnp.ones(3, jnp.float32)
    g = jnp.array([1.0, 0.0, -1.0], jnp.float32)
    small, large = (tx.update(g * scale, tx.init(p), p)[0] for scale in (size, 1.0))
    np.testing.assert_array_equal(small, large)
    assert small[1] == 0
