"""What a run depends on beside its configuration: versions, device, commits, and what changes JAX's numbers."""

import os
import platform
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from padl.runs import git
from padl.runs.redaction import redact_argument
from padl.types import Device
from padl.version import __version__

PACKAGES = ("jax", "jaxlib", "optax", "flax", "hydra-core", "wandb", "numpy")
JAX_FLAGS = (
    # what random numbers are drawn
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_random_seed_offset",
    "jax_high_dynamic_range_gumbel",
    # in which type and how precisely is computed
    "jax_enable_x64",
    "jax_numpy_dtype_promotion",
    "jax_default_matmul_precision",
    "jax_allow_f16_reductions",
    # by which formulas, in which order
    "jax_softmax_custom_jvp",
    "jax_accurate_erf_inv",
    "jax_use_hlo_logistic_lowering",
    "jax_use_direct_linearize",
    "jax_disable_jit",
    "jax_disable_most_optimizations",
    "jax_optimization_level",
)  # those that the installed JAX has are recorded: versions differ
VARIABLES = ("XLA_FLAGS", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE")  # those of JAX are in its flags


def environment(device: Device, count: int, command: Sequence[str]) -> dict[str, Any]:
    """Describe what is needed to run it again: the content of env.json.

    Args:
        device: the first of `count` that the run uses. command: what was typed, word by word; "git" is of the folder
            where that was, "padl" of PADL's own checkout.
    """
    return {
        "command": [redact_argument(word) for word in command],
        "python": platform.python_version(),
        "versions": {"padl": __version__} | {name: metadata.version(name) for name in PACKAGES if _is_installed(name)},
        "device": {"platform": device.platform, "kind": device.device_kind, "count": count},
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "host": socket.gethostname()},
        "git": git.of_folder(Path(".")),
        "padl": git.of_padl(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "flags": flags(),
    }


def flags() -> dict[str, Any]:
    """Return the flags of JAX and the environment variables that change numbers, as JSON has them."""
    here = [name for name in JAX_FLAGS if name in jax.config.values]
    values = {name: getattr(jax.config, name, jax.config.values[name]) for name in here}
    plain = {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}
    return {**plain, **{name: os.environ.get(name, "") for name in VARIABLES}}


def _is_installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False
