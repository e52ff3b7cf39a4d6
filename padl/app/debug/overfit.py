"""debug=overfit: train on one small batch until it is learnt by heart, with nothing that hinders. Overfit, verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from padl.app.composition import visited
from padl.app.names import Part, find, part
from padl.app.settings import Settings
from padl.data.source import Split
from padl.registry import Hyperparameter
from padl.types import Kind, PadlError

ROWS = 32  # of the batch where batch_size gives no number


def one_batch(split: Split, settings: Settings) -> tuple[Split, Settings]:
    """Leave some training rows, evenly spaced, all of them in every batch, and hold out the same ones.

    Raises:
        PadlError: a task without rows.
    """
    if not len(split.train):
        raise PadlError("debug=overfit learns a batch of training rows by heart, and this task has none: leave it out")
    wanted = settings.batch_size if isinstance(settings.batch_size, int) else ROWS
    places = np.linspace(0, len(split.train) - 1, min(wanted, len(split.train))).astype(int)
    rows = split.train[places]
    return (
        split._replace(train=rows, held_out=rows, test=()),
        replace(settings, batch_size="all"),
    )


def without_regularisation(parts: Mapping[Kind, Part]) -> tuple[dict[Kind, Part], list[str]]:
    """Turn off each hyperparameter that hinders learning by heart; the lines say which, `model.dropout 0.2 -> 0`."""
    changed, lines = dict(parts), []
    for kind, each in parts.items():
        if kind == "optimizer" and each.thing is None:
            changed[kind] = _unregularised(each, lines)
            continue
        for name, hyperparameter in each.entry.hyperparameters.items():
            off, value = hyperparameter.domain.off, each.scalars.get(name)
            if off is None or value is None or value == off:
                continue
            lines.append(f"{kind}.{name} {value:g} -> {off:g}")
            scalars = {**changed[kind].scalars, name: off}
            changed[kind] = replace(changed[kind], scalars=scalars, config={**changed[kind].config, name: off})
    return changed, lines


def _unregularised(optimizer: Part, lines: list[str]) -> Part:
    """An optimizer with its decays off, those of what is within and around it too."""

    def off(key: str, hyperparameter: Hyperparameter, value: Any) -> Any:
        if hyperparameter.domain.off is None or value in (None, hyperparameter.domain.off):
            return value
        lines.append(f"{key} {value:g} -> {hyperparameter.domain.off:g}")
        return hyperparameter.domain.off

    before = len(lines)
    config = visited(optimizer.entry, optimizer.config, find, off)
    return optimizer if len(lines) == before else part("optimizer", config)


def line(rows: int, lines: Sequence[str]) -> str:
    """Say what is trained on, and what was turned off."""
    off = f"; turned off: {', '.join(lines)}" if lines else ""
    return f"debug=overfit: {rows} training rows, held out are the same{off}"


def verdict(rows: Sequence[Mapping[str, float]], batch: int, target: float | None) -> str:
    """Say whether the loss came near 0, from the rows of metrics.jsonl.

    Args:
        batch: training rows. target: the loss that counts as learnt; None where none was asked for.
    """
    first, last = rows[0]["train/loss"], rows[-1]
    loss = last.get("eval/loss", last["train/loss"])
    course = f"the loss of {batch} rows went from {first:.3g} to {loss:.3g} in {int(last['step']):,} steps"
    if target is None:
        return course
    if loss <= target:
        return f"learnt: {course}"
    return (
        f"not learnt: {course}, and should come to {target:g} (stop.target): try another learning rate or a larger "
        "model, look at labels and loss; a loss whose least value is above 0 wants a larger stop.target"
    )
