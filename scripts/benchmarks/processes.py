"""Time whole Python processes, and run a benchmark in one. process, python, run_benchmarks, on_every_core."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
from harness import Benchmark, Result, benchmark

HERE = Path(__file__).parent


def process(folder: str, programs: str, *arguments: str) -> float:
    """Return the seconds of a Python process. Bytecode goes to `folder`, compiled programs to `programs`."""
    start = perf_counter()
    python(folder, programs, *arguments)
    return perf_counter() - start


def python(folder: str, programs: str, *arguments: str) -> str:
    """Return what a Python process prints; `process` says what is where."""
    caches = {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode", "JAX_COMPILATION_CACHE_DIR": programs}
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | caches
    done = subprocess.run([sys.executable, *arguments], env=env, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def run_benchmarks(script: Path, names: Sequence[str], rounds: int, env: Mapping[str, str]) -> list[dict[str, Any]]:
    """Run benchmarks in a child process, and return the rows that it writes as JSON.

    Args:
        script: the file or folder that runs benchmarks. env: added to this process's environment.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.json"
        command = [sys.executable, str(script), *names, "--rounds", str(rounds), "--json", str(file), "--no-fail"]
        subprocess.run(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, check=True)
        return json.loads(file.read_text(encoding="utf-8"))["results"]


def on_every_core(name: str, **at_most: float) -> Callable[[Benchmark], Benchmark]:
    """Register a benchmark to run in a child process where each core is a device, as in `padl train -m`."""

    def register(function: Benchmark) -> Benchmark:
        return benchmark(name, **at_most)(partial(_with_devices, name, function))

    return register


def _with_devices(name: str, function: Benchmark, rounds: int) -> Iterator[Result]:
    cores = len(os.sched_getaffinity(0))
    if jax.default_backend() != "cpu" or len(jax.devices()) >= cores:
        yield from function(rounds)
        return
    for row in run_benchmarks(HERE, [name], rounds, {"JAX_NUM_CPU_DEVICES": str(cores)}):
        fields: dict[str, Any] = {key: tuple(x) if isinstance(x, list) else x for key, x in row.items()}
        del fields["verdict"]
        yield Result(**fields)
