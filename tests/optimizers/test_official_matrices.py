"""Six steps of the code that authors of rules for matrices published, as scripts/golden_matrices.py wrote them down."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from matrix_walk import ROLES

from padl import optimizers

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "official_matrices.json").read_text())


@pytest.mark.parametrize("shape", [0, 1], ids=["5x3", "3x4"])
@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['padl']}-{case['repository']}")
def test_the_authors_code_walked_the_same_path(case, shape, x64):
    a, b, c, start = (jnp.asarray(GOLDEN["problems"][shape][name]) for name in ("a", "b", "c", "start"))
    tx = getattr(optimizers, case["padl"])(**case["hyperparameters"], roles=ROLES)

    def step(carry, _):
        params, state = carry
        updates, state = tx.update({"w": a.T @ (a @ (params["w"] - c) @ b) @ b.T}, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params["w"]

    path = case["paths"][shape]
    first = {"w": start}
    walked = jax.jit(lambda: jax.lax.scan(step, (first, tx.init(first)), length=len(path))[1])()
    np.testing.assert_allclose(walked, path, rtol=3e-6, atol=3e-6)  # theirs adds 1e-7 to the norm that it divides by
