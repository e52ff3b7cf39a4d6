"""One process for many tests: four CPU devices, strict JAX, annotations checked, W&B offline, one compilation cache.

A worker of pytest-xdist stays small: what a module compiled is released behind it, and the largest worker is measured.
"""

import contextlib
import ctypes
import gc
import os
import resource
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

CACHE = Path(tempfile.gettempdir()) / f"padl-test-programs-{os.getuid()}"
QUICK = [  # compiling is most of the work, and most programs run for milliseconds
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_parallel_codegen_split_count=1",
]
if tuple(map(int, version("jaxlib").split(".")[:2])) < (0, 11):  # a later XLA has no such flag, and stops at it
    QUICK.append("--xla_cpu_use_fusion_emitters=false")
os.environ["XLA_FLAGS"] = " ".join(["--xla_force_host_platform_device_count=4", *QUICK])
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ["WANDB_MODE"] = "offline"
os.environ.pop("WANDB_API_KEY", None)
os.environ.pop("PADL_PLUGINS", None)

from jaxtyping import install_import_hook  # noqa: E402

# The losses themselves are left out: they refuse bad input in their own words, which the tests read.
with install_import_hook(["padl.losses.reduce", "padl.data.batches", "padl.models"], "beartype.beartype"):
    import padl.data.batches
    import padl.losses.reduce
    import padl.models  # noqa: F401

import jax  # noqa: E402
import psutil  # noqa: E402
import pytest  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")

LARGEST_WORKER = 2 * 2**30  # bytes
LARGE = 1.2 * 2**30  # bytes: from here on a worker releases what it compiled after each test
PROGRAMS = ("padl.engine.", "padl.compare.trajectories", "padl.app.linear_optimum")  # whose caches hold programs
PEAKS = pytest.StashKey[dict[str, int]]()  # name of a process -> the most memory it ever held, in bytes


def pytest_configure(config):
    config.stash[PEAKS] = {}


def pytest_xdist_auto_num_workers(config):
    """As many workers as there are cores, and memory for."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, psutil.virtual_memory().available // LARGEST_WORKER))


@pytest.fixture(scope="module", autouse=True)
def programs_are_released_behind_a_module():
    """What a module compiled goes when its tests are done; the next loads what it shares from the disk's cache."""
    yield
    release_programs(above=LARGE / 2)


@pytest.fixture(autouse=True)
def programs_are_released_before_they_are_too_many():
    """A long module goes on with empty caches where they have grown large."""
    yield
    release_programs(above=LARGE)


def release_programs(above: float) -> None:
    """Forget what was compiled, where this process holds more memory than `above`, in bytes."""
    if psutil.Process().memory_info().rss < above:
        return
    for name, module in list(sys.modules.items()):
        if name.startswith(PROGRAMS):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
    jax.clear_caches()
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # glibc's alone: give what is free back to the system
        ctypes.CDLL(None).malloc_trim(0)


def peak_memory() -> int:
    """The most memory that this process ever held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def pytest_collection_finish():
    """What is imported by now stays: no collection of garbage goes over it again. What tests leave goes rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)  # by default 700 new objects, tens of which are a step of a trace


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """A worker has ended: keep what it says of its memory."""
    node.config.stash[PEAKS][node.gateway.id] = getattr(node, "workeroutput", {}).get("peak_memory", 0)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["peak_memory"] = peak_memory()
        return
    peaks = session.config.stash[PEAKS]
    if not peaks:
        peaks["this process"] = peak_memory()
    if max(peaks.values()) > LARGEST_WORKER and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    name, peak = max(config.stash[PEAKS].items(), key=lambda item: item[1])
    line = f"most memory: {peak / 2**30:.2f} GB, in {name} (at most {LARGEST_WORKER / 2**30:.0f} GB)"
    too_large = peak > LARGEST_WORKER
    terminalreporter.write_line(f"FAILED: {line}" if too_large else line, red=too_large)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Nothing a test writes lands in the checkout."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def names_are_forgotten():
    """What is registered meanwhile is not registered behind it."""
    from padl import registry
    from padl.app import names

    names.load()
    before = {kind: dict(each._entries) for kind, each in registry.REGISTRIES.items()}
    yield
    for kind, entries in before.items():
        registry.REGISTRIES[kind]._entries = entries


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


@pytest.fixture
def x64():
    """Compute in float64."""
    with jax.enable_x64(True):
        yield
