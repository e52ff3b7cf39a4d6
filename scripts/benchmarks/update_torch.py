"""Time one update of Adam beside torch's, which passes over its arrays once.

update_torch  adam and adamw, PADL's and Optax's, 16.8 M parameters in 100 arrays : torch's fused one on this CPU, in a
              process of its own; left out without torch; for information, no bound

Each of torch's threads spins until the others are done: on a machine that does other work its seconds grow by up to a
hundred times, and the ratio of the least seconds, which the notes give, is the one to read.
"""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from harness import Result, Timing, benchmark, weighed
from torch_updates import CHECKED, drawn
from updates import OPTAX, updater

from padl.app import names

CLOSE = 4e-6  # parameters below 8 are rounded to 2.4e-7 or better in each of three updates, otherwise in each library


@benchmark("update_torch")
def updates_against_torch(rounds: int) -> Iterator[Result]:
    if importlib.util.find_spec("torch") is None or jax.default_backend() != "cpu":
        yield Result("", "torch fused", note="left out: it needs torch (pip install torch), and JAX on the CPU")
        return
    for entry in (e for e in names.of("optimizer") if e.name in ("adam", "adamw")):
        make, scalars = entry.split({})
        traced = jax.tree.map(jnp.float32, {**scalars, "learning_rate": 1e-3})
        if "weight_decay" in traced:
            traced["weight_decay"] = jnp.float32(1e-2)
        for case, maker in ((entry.name, make), (f"optax.{entry.name}", OPTAX[entry.name][1])):
            with in_torch(entry.name) as (version, params, theirs):
                apart = float(np.max(np.abs(after(maker, traced) - params)))
                ours, _ = updater(maker, traced)
                pairs = [(ours(), theirs()) for _ in range(rounds + 1)][1:]
            least = min(a for a, _ in pairs) / min(b for _, b in pairs)
            note = f"least seconds {least:.2f} to 1; parameters {apart:.1e} apart after {CHECKED} updates"
            fault = note if apart > CLOSE else ""
            yield weighed(case, f"torch {version} fused", pairs, note, fault)


def after(make: Any, scalars: dict[str, jax.Array]) -> np.ndarray:
    """Return the parameters after CHECKED updates on the gradients that torch is given."""

    @jax.jit
    def step(params: Any, state: Any, grads: Any, scalars: dict[str, jax.Array]) -> Any:
        changes, state = make(**scalars).update(grads, state, params)
        return optax.apply_updates(params, changes), state

    params, grads = (list(map(jnp.asarray, drawn(seed))) for seed in (0, 1))
    state = make(**scalars).init(params)
    for _ in range(CHECKED):
        params, state = step(params, state, grads, scalars)
    return np.stack([np.asarray(p) for p in params])


@contextmanager
def in_torch(name: str) -> Iterator[tuple[str, np.ndarray, Timing]]:
    """Start torch's, and give its version, its parameters after CHECKED updates and its timing."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__).with_name("torch_updates.py")), name, f"{folder}/params.npy"]
        with subprocess.Popen(command, text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            ask, answer = process.stdin, process.stdout
            assert ask is not None
            assert answer is not None
            version = answer.readline().strip()
            if not version:
                raise SystemExit(f"torch's updates failed: {' '.join(command)}")

            def seconds() -> float:
                ask.write("\n")
                return float(answer.readline())

            yield version, np.load(f"{folder}/params.npy"), seconds
            ask.close()
