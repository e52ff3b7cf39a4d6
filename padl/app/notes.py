"""What a user should know before a run: lines of the task, classes that a side lacks, odd learning rates, who has
which optimizer."""

from collections.abc import Sequence

import numpy as np

from padl.app.own_ranges import far_lines
from padl.app.parameter_groups import parameter_lines
from padl.app.run_spec import RunSpec
from padl.runs.processes import is_writer
from padl.runs.sink import warn
from padl.tasks.task import Task

MOST_CLASSES = 10  # that are named; how many there are is always said
SIDES = {"train": "training", "held_out": "held-out", "test": "test"}


def notes(specs: Sequence[RunSpec]) -> list[str]:
    """Collect the lines of some runs, each once.

    Args:
        specs: of a run, or of the members of a sweep.
    """
    tasks = list({id(spec.task): spec.task for spec in specs}.values())
    lines = [line for task in tasks for line in [*task.said, *_lacking(task, [s for s in specs if s.task is task])]]
    lines += [line for spec in specs for line in spec.said]
    lines += far_lines(specs)
    by_program = {spec.experiment: spec for spec in reversed(specs)}
    lines += [line for spec in by_program.values() for line in parameter_lines(spec)]
    return list(dict.fromkeys(lines))


def say(specs: Sequence[RunSpec], said: set[str] | None = None) -> None:
    """Print the lines on standard error, where progress is shown at all.

    Args:
        said: lines that were printed before, and are not again; those of now are added.
    """
    said = set() if said is None else said
    if specs[0].settings.progress != "none" and is_writer():
        for line in [line for line in notes(specs) if line not in said]:
            warn(line)
            said.add(line)


def _lacking(task: Task, specs: Sequence[RunSpec]) -> list[str]:
    """`2 of 50 classes have no held-out row: ant, bee`."""
    labels, splits = task.rows.get("labels"), list({id(spec.split): spec.split for spec in specs}.values())
    if labels is None:
        return []
    classes, names = np.unique(labels), task.about.get("names")
    where = "in some splits " if len(splits) > 1 else ""
    lines = []
    for side, word in SIDES.items():
        numbers = [getattr(split, side) for split in splits]
        lacking = [np.setdiff1d(classes, labels[rows]) for rows in numbers if len(rows)]
        missing = np.unique(np.concatenate(lacking)) if lacking else classes[:0]
        if len(missing):
            named = ", ".join(str(names[c] if names else c) for c in missing[:MOST_CLASSES])
            verb = "has" if len(missing) == 1 else "have"
            more = f" and {len(missing) - MOST_CLASSES:,} more" if len(missing) > MOST_CLASSES else ""
            lines.append(f"{where}{len(missing):,} of {len(classes):,} classes {verb} no {word} row: {named}{more}")
    return lines
