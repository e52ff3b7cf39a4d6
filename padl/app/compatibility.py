"""Check what goes together: a loss with a task, a batch with its data, steps with epochs."""

from collections.abc import Mapping
from typing import Any, Literal

from padl.app import names
from padl.app.settings import Settings
from padl.registry import Entry
from padl.tasks.loss_inputs import Words
from padl.tasks.task import Task
from padl.types import Kind, PadlError

STEPS, BATCH = 2000, 64  # where a configuration leaves them open
EVALUATIONS = 20  # of a run that does not say how often


def has_learning_rate(optimizer: Entry) -> bool:
    """Tell whether an optimizer, or one within it, has a learning rate."""
    return any(h.name == "learning_rate" or h.nested for h in optimizer.hyperparameters.values())


def check_names(entries: Mapping[Kind, Entry], task: Task, config: Mapping[str, Any]) -> None:
    """Check that names go together: a loss speaks the task's words; without data there is no loss and no model."""
    name, optimizer, schedule = (entries[kind].name for kind in ("task", "optimizer", "schedule"))
    if schedule != "constant" and not has_learning_rate(entries["optimizer"]):
        raise PadlError(f"schedule={schedule}: optimizer '{optimizer}' has no learning_rate to schedule: leave it out")
    if not task.fits:
        for kind in ("loss", "model"):
            if kind in entries:
                raise PadlError(f"task '{name}' has no {kind}, its parameters are its own: leave {kind}= out")
        for key in ("dtype",) if task.rows else ("batch_size", "epochs", "dtype"):
            if config.get(key) not in (None, "float32"):
                has = "no model" if task.rows else "no data and no model"
                raise PadlError(f"task '{name}' has {has}: leave {key}= out")
        return
    for kind in ("loss", "model"):
        if kind not in entries:
            raise PadlError(f"task '{name}' names no default {kind}: give {kind}=NAME")
    loss = entries["loss"]
    if not words(loss, task).among(task.fits):
        said = {
            entry.name: (entry.traits.get("targets"), entry.traits.get("predictions")) for entry in names.of("loss")
        }
        fitting = [loss for loss, pair in said.items() if pair in task.fits]
        kind = task.about.get("kind", "task")
        raise PadlError(
            f"loss '{loss.name}' does not fit the {kind} '{name}': one of {', '.join(sorted(fitting))} does"
        )


def words(loss: Entry, task: Task) -> Words:
    """Return what a loss calls its targets and predictions; one that says nothing takes the task's usual targets, and a
    model's outputs as they are."""
    return Words(loss.traits.get("targets", task.fits[0].targets), loss.traits.get("predictions", ""))


def batch_size(settings: Settings, optimizer: Entry, rows: int | None) -> int | None:
    """Settle the rows of an update, of `rows` training rows; None for a task without any."""
    if rows is None:
        if settings.accumulate > 1:
            raise PadlError(f"accumulate={settings.accumulate}: this task has no batches to cut: leave it out")
        return None
    size = settings.batch_size or _usual_batch(optimizer, rows)
    size = rows if size == "all" else size
    if _is_full_batch(optimizer) and size != rows:
        raise PadlError(
            f"batch_size={size}: '{optimizer.name}' takes all {rows} rows at every step; optimizer=sgd does not"
        )
    if size > rows:
        raise PadlError(f"batch_size={size} is larger than the {rows} training rows: at most {rows}, or `all`")
    if size % settings.accumulate:
        raise PadlError(f"accumulate={settings.accumulate} does not divide batch_size={size} into equal parts")
    return size


def _is_full_batch(optimizer: Entry) -> bool:
    return optimizer.traits.get("batch") == "all"


def _usual_batch(optimizer: Entry, rows: int) -> int | Literal["all"]:
    return "all" if _is_full_batch(optimizer) else min(BATCH, rows)


def steps(settings: Settings, rows: int | None, batch_size: int | None) -> int:
    """Settle the updates of a run. Both steps and epochs may be given where they are the same, as config.yaml has them.

    Raises:
        PadlError: they are not.
    """
    in_epochs = settings.epochs * (rows // batch_size) if settings.epochs and rows and batch_size else None
    if settings.steps and settings.epochs and settings.steps != in_epochs:
        raise PadlError(
            f"steps={settings.steps} and epochs={settings.epochs} exclude each other: give one, the other as null"
        )
    return settings.steps or in_epochs or STEPS


def usual(settings: Settings, optimizer: Entry, rows: int | None, steps: int) -> dict[str, Any]:
    """Return what is chosen for the settings that depend on others, where a configuration leaves them open.

    Args:
        rows: of training, None for a task without any. steps: that the run has.
    """
    return {
        "steps": steps if settings.epochs else STEPS,
        "batch_size": None if rows is None else _usual_batch(optimizer, rows),
        "eval_every": -(-steps // EVALUATIONS),
    }
