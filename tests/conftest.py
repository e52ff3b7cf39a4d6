"""One process for many tests: four CPU devices, strict JAX, annotations checked, W&B offline, one compilation cache."""

import os
import tempfile
from pathlib import Path

CACHE = Path(tempfile.gettempdir()) / f"padl-test-programs-{os.getuid()}"
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"  # compiling is most of the work
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count=4 {QUICK}"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ["WANDB_MODE"] = "offline"
os.environ.pop("WANDB_API_KEY", None)
os.environ.pop("PADL_PLUGINS", None)

from jaxtyping import install_import_hook  # noqa: E402

# The losses themselves are left out: they refuse bad input in their own words, which the tests read.
with install_import_hook(["padl.losses.reduce", "padl.data.batches", "padl.models"], "beartype.beartype"):
    pass

import jax  # noqa: E402
import pytest  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Nothing a test writes lands in the checkout."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def padl_command(capsys):
    """Call the command in this process: (exit code, standard output, standard error)."""
    from padl.cli.main import main

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(arguments))
        return code, *capsys.readouterr()

    return call


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """A short run with everything switched on, shared by the tests that read what a run leaves."""
    import padl

    return padl.train(
        task="digits",
        model={"name": "mlp", "widths": [16]},
        optimizer={"name": "adam", "learning_rate": 0.01},
        steps=60,
        log_every=20,
        steps_per_call=20,
        eval_every=30,
        devices=1,
        run={"dir": str(tmp_path_factory.mktemp("runs"))},
        wandb={"mode": "offline", "group": "tests", "tags": ["small"]},
    )
