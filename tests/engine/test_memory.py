"""Memory that runs out is recognised in the words of every backend, and a real limit is met with advice."""

import subprocess
import sys

import jax
import pytest

from padl.engine.memory import is_out_of_memory


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (
            jax.errors.JaxRuntimeError("INTERNAL: Error dispatching computation: Out of memory allocating 9 bytes."),
            True,
        ),
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes."), True),
        (MemoryError("Unable to allocate 14.9 GiB"), True),
        (jax.errors.JaxRuntimeError("INTERNAL: something else"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_memory_that_ran_out_is_recognised(error, is_it):
    assert is_out_of_memory(error) == is_it


QUIET = "devices=1 wandb.mode=disabled progress=none run.dir=null compilation_cache=off"


def test_a_model_larger_than_memory_is_one_line():
    words = "model.widths=[1000000,1000000] steps=20"
    script = f"ulimit -v 8000000; {sys.executable} -m padl train {QUIET} {words}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "out of memory" in done.stderr
