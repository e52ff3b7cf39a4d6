"""Check what goes together: a loss with a task, a batch with its data, steps with epochs."""

from collections.abc import Mapping
from typing import Any

from padl.app import names
from padl.app.settings import Settings
from padl.registry import Entry
from padl.tasks.loss_inputs import Words
from padl.tasks.task import Task
from padl.types import Kind, PadlError

STEPS, BATCH = 2000, 64  # where a configuration leaves them open


def check_names(entries: Mapping[Kind, Entry], task: Task, config: Mapping[str, Any]) -> None:
    """Check that names go together: a loss speaks the task's words; without data there is no loss and no model."""
    name, optimizer, schedule = (entries[kind].name for kind in ("task", "optimizer", "schedule"))
    if schedule != "constant" and "learning_rate" not in entries["optimizer"].hyperparameters:
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
    full_batch = optimizer.traits.get("batch") == "all"
    size = settings.batch_size or ("all" if full_batch else min(BATCH, rows))
    size = rows if size == "all" else size
    if full_batch and size != rows:
        raise PadlError(
            f"batch_size={size}: '{optimizer.name}' takes all {rows} rows at every step; optimizer=sgd does not"
        )
    if size > rows:
        raise PadlError(f"batch_size={size} is larger than the {rows} training rows: at most {rows}, or `all`")
    if size % settings.accumulate:
        raise PadlError(f"accumulate={settings.accumulate} does not divide batch_size={size} into equal parts")
    return size


def steps(settings: Settings, rows: int | None, batch_size: int | None) -> int:
    """Settle the updates of a run."""
    if settings.steps and settings.epochs:
        raise PadlError(
            f"steps={settings.steps} and epochs={settings.epochs} exclude each other: give one, the other as null"
        )
    if settings.epochs and rows and batch_size:
        return settings.epochs * (rows // batch_size)
    return settings.steps or STEPS
