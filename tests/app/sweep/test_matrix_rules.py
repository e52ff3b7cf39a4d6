"""A sweep of a rule that decomposes matrices comes back on two CPU devices, and its members are the runs alone."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl.engine.operations import SAFE_SINCE
from padl.types import PadlError

LIMIT = 240  # seconds; it takes about ten on two free cores


def whitened(learning_rate):
    """Descend along both gradient's sides whitened by the eigenvectors of its running second moments."""

    def init(params):
        square = lambda n: jnp.zeros((n, n))  # noqa: E731
        return jax.tree.map(lambda p: (square(p.shape[0]), square(p.shape[1])) if p.ndim == 2 else (), params)

    def root(moment):
        values, vectors = jnp.linalg.eigh(moment + 1e-4 * jnp.eye(len(moment)))
        return vectors / values[None] ** 0.25 @ vectors.T

    def update(grads, state, params=None):
        leaves, tree = jax.tree.flatten(grads)
        steps, moments = [], []
        for g, sides in zip(leaves, tree.flatten_up_to(state), strict=True):
            sides = sides and (0.9 * sides[0] + 0.1 * g @ g.T, 0.9 * sides[1] + 0.1 * g.T @ g)
            steps.append(-learning_rate(0) * (root(sides[0]) @ g @ root(sides[1]) if sides else g))
            moments.append(sides)
        return tree.unflatten(steps), tree.unflatten(moments)

    return optax.GradientTransformation(init, update)


def task():
    inputs = np.random.default_rng(0).standard_normal((64, 32)).astype("f4")
    return padl.tasks.arrays(inputs, (inputs[:, :4].sum(1) > 0).astype(int))


SETTINGS = {
    "model": {"name": "mlp", "widths": [24, 10]},
    "optimizer": whitened,
    "steps": 40,
    "steps_per_call": 20,
    "batch_size": 16,
    "progress": "none",
}
RATES, SEEDS = [0.01, 0.03], 4


def sweep_and_compare():
    over = {"learning_rate": RATES, "seed": range(SEEDS)}
    swept = padl.sweep(task=task(), over=over, **SETTINGS)
    assert len(jax.devices()) == 2
    assert len(swept.rows) == len(RATES) * SEEDS
    for row in (swept.rows[0], swept.rows[-1]):
        rate, seed = row["optimizer.learning_rate"], row["seed"]
        alone = padl.train(
            task=task(), **{**SETTINGS, "optimizer": {"name": whitened, "learning_rate": rate}}, seed=seed
        )
        np.testing.assert_allclose(row["final/loss"], alone.summary["final"]["loss"], rtol=2e-3)
    print("came back")


def test_a_sweep_over_two_cpu_devices_comes_back_and_is_the_runs_alone():
    code = f"import sys; sys.path[:0] = {sys.path!r}; import test_matrix_rules as t; t.sweep_and_compare()"
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT, check=False,
        env={"JAX_NUM_CPU_DEVICES": "2", "JAX_PLATFORMS": "cpu", "PATH": ""},
    )  # fmt: skip
    assert child.stdout.endswith("came back\n"), child.stderr


@pytest.mark.skipif(jax.__version_info__ >= SAFE_SINCE, reason="this JAX comes back")
def test_a_strategy_that_may_not_come_back_is_refused_in_one_line():
    over = {"learning_rate": RATES}
    with pytest.raises(PadlError, match=r"sweep.strategy=vmap: matrices are decomposed \(eigh\)") as error:
        padl.sweep(task=task(), over=over, sweep={"strategy": "vmap"}, devices=2, **SETTINGS)
    assert "\n" not in str(error.value)
