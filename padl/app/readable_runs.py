"""Say in a few lines what a run, a sweep, a trained model and its predictions are.

run_card, sweep_card, model_card, predictions_card.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl.compare.statistics import Setting, last_word
from padl.readable import ROWS, Card, number
from padl.types import Criterion, short


def run_card(summary: Mapping[str, Any], folder: Path | None) -> Card:
    """Say what a run came to.

    Args:
        summary: as in summary.json.
    """
    final, best = summary["final"], summary["best"]
    names = sorted({*final, *best} - {"step"}, key=lambda name: name != summary["decided_by"]["metric"])
    reason = f" ({summary['reason']})" if summary["reason"] else ""
    facts = {
        "steps": f"{summary['steps']:,} at {summary['steps_per_second']:,.0f} steps/s",
        "seconds": f"{summary['wall_seconds']:.1f}, {summary['compile_seconds']:.1f} of them compiling",
        "parameters": number(summary["parameters"]),
        "folder": str(folder or "none"),
    }
    facts["best"] = best_by(summary)
    columns = ["metric", "final", f"best (step {best['step']:,})" if best else "best"]
    rows = [[name, number(final.get(name)), number(best.get(name))] for name in names]
    return Card(f"{summary['title']}: {summary['status']}{reason}", facts, columns, rows)


def best_by(summary: Mapping[str, Any]) -> str:
    """`the step where accuracy is largest on the 359 held-out rows`."""
    metric, direction = summary["decided_by"]["metric"], summary["decided_by"]["direction"]
    rows = summary["rows"]["held_out"]
    where = f" on the {rows:,} held-out rows" if rows else ""
    return f"the step where {metric} is {'largest' if direction == 'max' else 'smallest'}{where}"


def sweep_card(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    rankings: Mapping[str, tuple[Criterion, Sequence[Setting]]],
    warnings: Sequence[str],
    folder: Path | None,
) -> Card:
    """Say what a sweep came to: its settings, the best first. Other arguments as in `Results`.

    Args:
        rankings: {task: what its settings are ranked by, and they, the best first}; of one task under no name.
    """
    statuses = ", ".join(f"{n:,} {status}" for status, n in Counter(row["status"] for row in rows).items())
    settings = [(task, setting) for task, (_, ranked) in rankings.items() for setting in ranked]
    keys = list(settings[0][1].values) if settings else []
    words = [last_word(key) for key in keys]
    several = len(rankings) > 1
    of_task = several and "task" not in keys
    columns = [
        *(["task"] if of_task else []), *(words if len(set(words)) == len(keys) else keys),
        "mean", "± error", "n", "diverged",
    ]  # fmt: skip
    table = [
        [*([task] if of_task else []), *map(number, setting.values.values()), *_over_seeds(setting)]
        for task, setting in settings
    ]
    by = [
        f"{f'{task}: ' if several else ''}{metric}, {'larger' if direction == 'max' else 'smaller'} is better"
        for task, ((metric, direction), _) in rankings.items()
    ]
    facts = {"members": statuses, "ranked by": "; ".join(by), "folder": str(folder or "none")}
    return Card(f"sweep: {title}", facts, columns, table, warnings)


def _over_seeds(setting: Setting) -> list[str]:
    mean, error = number(setting.mean), number(setting.error, 2)
    return [mean if setting.n else "", error if setting.n > 1 else "", number(setting.n), number(setting.diverged)]


def model_card(config: Mapping[str, Any], about: Mapping[str, Any], params: Any, input_shape: tuple[int, ...]) -> Card:
    """Say what a trained model is, and how to call it.

    Args:
        config: of its run. about: what is known of its task's data.
    """
    task, model = config["task"]["name"], config["model"]["name"]
    classes = [str(name) for name in about.get("names", [])]
    facts = {
        "task": ", ".join([task, str(about.get("kind", ""))]).removesuffix(", "),
        "classes": ", ".join(classes) or number(about.get("classes")),
        "model": ", ".join([model, *(f"{k}={short(v)}" for k, v in config["model"].items() if k != "name")]),
        "inputs": f"(n, {str(input_shape)[1:].replace(',)', ')')}",
        "parameters": number(sum(int(np.prod(p.shape)) for p in jax.tree.leaves(params))),
        "call": "model(inputs), inputs as the task holds them, not standardised",
    }
    return Card(f"trained model: {task} {model}", facts)


def predictions_card(columns: Mapping[str, np.ndarray], measured: Mapping[str, float], notes: Sequence[str]) -> Card:
    """Say what is predicted of the first rows, and how right all is where that is known."""
    count = len(next(iter(columns.values())))
    rows = [
        [number(column[i].item()) if column.dtype.kind == "f" else str(column[i]) for column in columns.values()]
        for i in range(min(count, ROWS))
    ]
    facts = {name: number(float(value)) for name, value in measured.items()}
    return Card(
        f"predictions of {count:,} row{'' if count == 1 else 's'}", facts, list(columns), rows, notes, count - len(rows)
    )
