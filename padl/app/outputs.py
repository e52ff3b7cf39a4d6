"""Where the rows of a run go: its sinks, its W&B run, and which metrics are shown. run_sinks, open_wandb, shown."""

from pathlib import Path

from padl.app.plan import Plan
from padl.app.run_spec import RunSpec
from padl.runs.console import ConsoleProgress
from padl.runs.jsonl import Jsonl
from padl.runs.processes import is_writer
from padl.runs.sink import Memory, Sink, Sinks
from padl.runs.status import RunStatus
from padl.runs.wandb import Wandb


def run_sinks(plan: Plan, rows: Jsonl | None, status: RunStatus, memory: Memory, wandb: Wandb | None) -> Sinks:
    """Collect the sinks of a run; the truth is metrics.jsonl, or the memory where nothing is written."""
    sinks: list[Sink] = [memory, status]
    if plan.settings.progress != "none" and is_writer():
        sinks.append(ConsoleProgress(plan.steps, shown(plan), plan.settings.progress))
    if wandb:
        sinks.append(wandb)
    return Sinks(rows, *sinks) if rows else Sinks(*sinks)


def shown(spec: RunSpec) -> list[str]:
    """Return the names of the metrics that the task wants on the live line and in curves.png."""
    return [metric.name for metric in spec.task.metrics if metric.shown]


def open_wandb(spec: RunSpec, folder: Path, group: str | None = None, run_id: str | None = None) -> Wandb | None:
    """Open a W&B run in a run folder; None where W&B is disabled.

    Args:
        group: of a run which names none. run_id: of the W&B run that goes on; None makes a new one.
    """
    settings = spec.wandb
    if settings.mode == "disabled":
        return None
    return Wandb(
        folder,
        mode=settings.mode,
        project=settings.project,
        group=settings.group or group,
        tags=settings.tags,
        name=settings.name or (None if group else spec.run.name),  # members of a sweep keep their own
        config=spec.config,
        run_id=run_id,
    )
