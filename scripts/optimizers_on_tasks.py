"""Train optimizers on a task at 8 learning rates × 2 seeds, and print a table: how far each came, where, how long.

    python scripts/optimizers_on_tasks.py [digits | cracks | digit_lines] [NAME ...]

All of PADL's without names. The rates are a factor of 3.16 apart and end where each rule's own default lies in the
middle, so that no rule is judged by another's. What is compared is the end of training, not the best on the way;
wrappers stand around adam. Each rule is one program. A step is that of a run alone, over adamw's in the same minute.
The figures are in scripts/lab_book.md: they say that all of it works, and with two seeds nothing on which rule is
better.
"""

import os
import sys
import time
from statistics import mean
from typing import Any

import jax

import padl
from padl import registry
from padl.app import names

SEEDS, RATES = (0, 1), 8
TASKS: dict[str, dict[str, Any]] = {
    "digits": {"steps": 300},
    "cracks": {"steps": 100, "model": {"name": "cnn", "channels": [8, 16]}},
    "digit_lines": {"steps": 300, "model": {"name": "tdnn", "widths": [64, 64]}},
}
QUIET: dict[str, Any] = {"run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none"}
WRAPPED, PEER = "adam", "adamw"


def rates(middle: float) -> list[float]:
    """The rates around a rule's default, in steps of half a decade: four below, three above."""
    return [middle * 10 ** (0.5 * k) for k in range(-4, RATES - 4)]


def optimizer_of(name: str) -> tuple[Any, float | None]:
    """What is trained with, and the default of its learning rate; None where it has none."""
    is_wrapper = "inner" in names.find("optimizer", name).hyperparameters
    rate = registry.optimizer.get(WRAPPED if is_wrapper else name).hyperparameters.get("learning_rate")
    return {"name": WRAPPED, "wrap": [name]} if is_wrapper else name, None if rate is None else rate.default


def step_seconds(optimizer: Any, run: dict[str, Any]) -> float:
    """The seconds of a step of a run alone."""
    return 1 / padl.train(optimizer=optimizer, devices=1, **run, **QUIET).summary["steps_per_second"]


def row(name: str, run: dict[str, Any]) -> list[str]:
    """Train with one, and return the cells of its row."""
    optimizer, middle = optimizer_of(name)
    over: dict[str, Any] = {"seed": list(SEEDS)} | ({"optimizer.learning_rate": rates(middle)} if middle else {})
    start = time.perf_counter()
    found = padl.sweep(over=over, optimizer=optimizer, **run, **QUIET)
    seconds = time.perf_counter() - start
    assert found.objective is not None
    metric, direction = found.objective.metric.removeprefix("eval/"), found.objective.direction
    worst = -float("inf") if direction == "max" else float("inf")
    by_rate: dict[float, list[float]] = {}
    for each in found.rows:
        end = each[f"final/{metric}"] if each["status"] == "finished" else worst
        by_rate.setdefault(each.get("optimizer.learning_rate", 0.0), []).append(end)
    best = (max if direction == "max" else min)(by_rate, key=lambda rate: mean(by_rate[rate]))
    at_edge = " (edge)" if len(by_rate) > 1 and best in (min(by_rate), max(by_rate)) else ""
    diverged = sum(each["status"] == "diverged" for each in found.rows)
    step = step_seconds(optimizer, run) / step_seconds(PEER, run)
    cells = f"{mean(by_rate[best]):.4f}", f"{best:.3g}{at_edge}", str(diverged), f"{seconds:.1f}", f"{step:.2f}"
    return [f"`{name}`", *cells]


def main() -> None:
    """Print the table, and what it was made with."""
    task, chosen = (sys.argv[1] if len(sys.argv) > 1 else "digits"), sys.argv[2:]
    run = {"task": task, **TASKS[task]}
    where = f"JAX {jax.__version__}, {os.cpu_count()} cores"
    print(f"{run}, batches of 64 or all, n = {len(SEEDS)} seeds; {where}\n")
    print("| optimizer | at the end | learning rate | diverged of 16 | seconds | step over adamw's |")
    print("|---|---|---|---|---|---|")
    for name in chosen or [name for name in names.names("optimizer") if names.find("optimizer", name).origin == "padl"]:
        try:
            print("| " + " | ".join(row(name, run)) + " |", flush=True)
        except padl.PadlError as error:
            print(f"| `{name}` | {error} | | | | |", flush=True)


if __name__ == "__main__":
    main()
