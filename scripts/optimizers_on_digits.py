"""Train every optimizer on digits at 8 learning rates × 2 seeds, and print a table: how far it came, where, how long.

    python scripts/optimizers_on_digits.py [STEPS]

The rates are a factor of 3.16 apart and end where each rule's own default lies in the middle, so that no rule is judged
by another's. What is compared is the accuracy at the end of training, not the best on the way; wrappers stand around
adam. Each rule is one program. The figures are in scripts/lab_book.md: they say that all of it works, and with two
seeds nothing on which rule is better.
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

STEPS, SEEDS, RATES = 300, (0, 1), 8
QUIET: dict[str, Any] = {"run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none"}
WRAPPED = "adam"


def rates(middle: float) -> list[float]:
    """The rates around a rule's default, in steps of half a decade: four below, three above."""
    return [middle * 10 ** (0.5 * k) for k in range(-4, RATES - 4)]


def row(name: str, steps: int) -> list[str]:
    """Train one, and return the cells of its row."""
    entry = names.find("optimizer", name)
    is_wrapper = "inner" in entry.hyperparameters
    base = registry.optimizer.get(WRAPPED if is_wrapper else name)
    optimizer = {"name": WRAPPED, "wrap": [name]} if is_wrapper else name
    middle = base.hyperparameters["learning_rate"].default if "learning_rate" in base.hyperparameters else None
    over: dict[str, Any] = {"seed": list(SEEDS)} | ({"optimizer.learning_rate": rates(middle)} if middle else {})
    start = time.perf_counter()
    found = padl.sweep(over=over, optimizer=optimizer, steps=steps, **QUIET)
    seconds = time.perf_counter() - start
    by_rate: dict[float, list[float]] = {}
    for each in found.rows:
        finished = each["status"] == "finished"
        by_rate.setdefault(each.get("optimizer.learning_rate", 0.0), []).append(
            each["final/accuracy"] if finished else 0.0
        )
    best = max(by_rate, key=lambda rate: mean(by_rate[rate]))
    at_edge = " (edge)" if len(by_rate) > 1 and best in (min(by_rate), max(by_rate)) else ""
    diverged = sum(each["status"] == "diverged" for each in found.rows)
    return [f"`{name}`", f"{mean(by_rate[best]):.4f}", f"{best:.3g}{at_edge}", str(diverged), f"{seconds:.1f}"]


def main() -> None:
    """Print the table, and what it was made with."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    where = f"JAX {jax.__version__}, {os.cpu_count()} cores"
    print(f"digits, mlp, {steps} steps, batches of 64 or all, n = {len(SEEDS)} seeds; {where}\n")
    print("| optimizer | final accuracy | learning rate | diverged of 16 | seconds |")
    print("|---|---|---|---|---|")
    for name in names.names("optimizer"):
        if names.find("optimizer", name).origin == "padl":
            try:
                print("| " + " | ".join(row(name, steps)) + " |", flush=True)
            except padl.PadlError as error:
                print(f"| `{name}` | {error} | | | |", flush=True)


if __name__ == "__main__":
    main()
