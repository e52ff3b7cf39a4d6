"""Print the results of benchmarks, and on what machine they were measured. machine, print_results, with_unit."""

import os
import platform
import sys
from importlib import metadata
from typing import Any

import jax
from harness import Result
from rich.console import Console
from rich.table import Table

import padl

COLOURS = {"over": "red", "ok": "green"}


def machine(rounds: int) -> dict[str, Any]:
    """Describe versions, device and load: machines differ in their ratios too."""
    packages = {name: metadata.version(name) for name in ("jax", "jaxlib", "optax", "flax", "numpy")}
    device = f"{jax.default_backend()} {jax.devices()[0].device_kind}, {os.cpu_count()} cores"
    versions = {"padl": padl.__version__} | packages | {"python": platform.python_version()}
    return {"versions": versions, "device": device, "load": os.getloadavg()[0], "rounds": rounds}


def print_results(results: list[Result], where: dict[str, Any]) -> None:
    """Print a line for each result, then their notes, then the machine."""
    console, table = console_of(), Table(header_style="bold")
    for column in ("benchmark", "against", "PADL", "peer", "ratio", "min to max", "at most", "verdict"):
        table.add_column(column)
    for r in results:
        value, bound = (f"{x:.3g}" if x is not None else "" for x in (r.value, r.bound))
        seconds = map(with_unit, r.seconds) if r.seconds else ("", "")
        spread = " to ".join(f"{x:.3g}" for x in r.spread)
        name = f"{r.benchmark} {r.case}"
        table.add_row(name, r.peer, *seconds, value, spread, bound, r.verdict, style=COLOURS.get(r.verdict))
    console.print(table)
    for r in (r for r in results if r.note):
        console.print(f"{r.benchmark} {r.case}: {r.note}", soft_wrap=True)
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    load = f"load {where['load']:.2f} at the start, {os.getloadavg()[0]:.2f} at the end"
    rounds = f"medians of {where['rounds']} rounds after one that does not count"
    console.print(f"{versions}; {where['device']}, {load}; {rounds}", soft_wrap=True)


def console_of() -> Console:
    """A console as wide as the terminal, or as the table where the output is no terminal."""
    return Console(width=None if sys.stdout.isatty() else 150, highlight=False)


def with_unit(seconds: float) -> str:
    unit, scale = next(((u, s) for u, s in (("s", 1), ("ms", 1e-3)) if seconds >= s), ("µs", 1e-6))
    return f"{seconds / scale:.3g} {unit}"
