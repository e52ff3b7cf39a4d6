"""What a plugin raises is one line with its place, on the screen and in the status."""

import os
import subprocess
import sys

from padl.runs import status

STUMBLES = """
import jax
import jax.numpy as jnp
import optax
from padl.registry import optimizer

def check(step):
    if step >= 3:
        raise RuntimeError("no step after the third")
    return step

@optimizer(family="test", reference="none")
def stumbling() -> optax.GradientTransformation:
    "Stays where it is, and raises in its fourth step."

    def update(grads, state, params=None):
        state = jax.pure_callback(check, jax.ShapeDtypeStruct((), jnp.int32), state)
        return jax.tree.map(jnp.zeros_like, grads), state + 1

    return optax.GradientTransformation(lambda params: jnp.zeros((), jnp.int32), update)
"""
RAISED = "stumbles.py:9, in check: RuntimeError: no step after the third"


def test_a_plugin_that_raises_in_training_is_told_with_its_place_and_in_the_status(tmp_path):
    (tmp_path / "stumbles.py").write_text(STUMBLES)
    words = ["task=surface", "optimizer=stumbling", "steps=9", "wandb.mode=disabled", "progress=none"]
    done = subprocess.run(
        [sys.executable, "-m", "padl", "train", *words],
        env=os.environ | {"PADL_PLUGINS": str(tmp_path)}, capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    line = done.stderr.splitlines()[-1]
    assert f"{RAISED} (not PADL's own: optimizer 'stumbling' from " in line
    (folder,) = (tmp_path / "runs").iterdir()
    record = status.read(folder)
    assert record.status == "failed"
    assert line.endswith(record.reason)
    assert record.reason.startswith("/")  # a file, not the name of JAX's error
