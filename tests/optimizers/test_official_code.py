"""Ten steps of the code that the authors of a rule published, as scripts/golden_official.py wrote them down."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from padl import optimizers

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "official_optimizers.json").read_text())
RAMPED = ("ademamix", "simplified_ademamix")  # whose code adds 1e-8 to the decay rate that rises, before its logarithm


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['padl']}-{case['repository']}")
def test_the_authors_code_walked_the_same_path(case):
    with jax.enable_x64(True):
        h, minimum, start = (jnp.asarray(GOLDEN["problem"][k]) for k in ("curvature", "minimum", "start"))
        tx = getattr(optimizers, case["padl"])(**case["hyperparameters"])

        def step(carry, _):
            params, state = carry
            updates, state = tx.update(h * (params - minimum), state, params)
            params = optax.apply_updates(params, updates)
            return (params, state), params

        walk = jax.jit(lambda params: jax.lax.scan(step, (params, tx.init(params)), length=len(case["path"]))[1])
        rtol = 2e-5 if case["padl"] in RAMPED else 1e-10
        np.testing.assert_allclose(walk(start), case["path"], rtol=rtol, atol=rtol / 1e3)
