"""Where the rows of a run go: its sinks, its W&B run and what that gets beside rows; which metrics are shown.

run_sinks, named_sinks, shown, open_wandb, give_files, recorded_commit, say_rules.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from padl.app.plan import Plan
from padl.app.run_spec import RunSpec
from padl.app.wandb_environment import TRUE, lines, place
from padl.runs import manifest
from padl.runs.console import ConsoleProgress
from padl.runs.jsonl import Jsonl
from padl.runs.processes import is_writer
from padl.runs.redaction import redact
from padl.runs.run_folder import read_json
from padl.runs.sink import Memory, Row, Sink, Sinks, warn
from padl.runs.sinks import About, open_sinks
from padl.runs.status import RunStatus
from padl.runs.wandb import Wandb
from padl.types import PadlError


def run_sinks(
    plan: Plan,
    folder: Path | None,
    rows: Jsonl | None,
    status: RunStatus,
    memory: Memory,
    wandb: Wandb | None,
    step: int = 0,
) -> Sinks:
    """Collect the sinks of a run; the truth is metrics.jsonl, or the memory where nothing is written.

    Args:
        folder: of the run, None in a process that does not write. step: that the rows in the memory come to.
    """
    sinks: list[Sink] = [memory, status]
    if plan.settings.progress != "none" and is_writer():
        sinks.append(ConsoleProgress(plan.steps, shown(plan), plan.settings.progress))
    if wandb:
        sinks.append(wandb)
    if folder:
        sinks += named_sinks(plan, folder, step, memory.rows)
    return Sinks(rows, *sinks) if rows else Sinks(*sinks)


def named_sinks(spec: RunSpec, folder: Path, step: int, rows: Sequence[Row]) -> list[Sink]:
    """Open what `sinks` names for a run; arguments as of `About`."""
    metrics = [f"eval/{metric.name}" for metric in spec.task.metrics]
    measured = list(dict.fromkeys([*metrics, "eval/loss", "train/loss"]))
    return open_sinks(spec.settings.sinks, About(folder, spec.title, spec.config, measured, step, tuple(rows)))


def shown(spec: RunSpec) -> list[str]:
    """Return the names of the metrics that the task wants on the live line and in curves.png."""
    return [metric.name for metric in spec.task.metrics if metric.shown]


def open_wandb(
    spec: RunSpec,
    folder: Path,
    group: str | None = None,
    run_id: str | None = None,
    config: Mapping[str, Any] | None = None,
    job_type: str | None = None,
    git: Mapping[str, Any] | None = None,
    says_url: bool = False,
) -> Wandb | None:
    """Open a W&B run in a run folder; None where W&B is disabled.

    Args:
        group, job_type: of a run which names none. run_id: of the W&B run that goes on; None makes the one that the
            settings say, or a new one. config: None takes the run's. git, says_url: as of `Wandb`.
    """
    settings = spec.wandb
    if settings.mode == "disabled":
        return None
    assert settings.mode is not None  # as `check` has it
    assert settings.project is not None
    return Wandb(
        folder,
        mode=settings.mode,
        project=settings.project,
        entity=settings.entity,
        group=settings.group or group,
        tags=settings.tags,
        name=settings.name or (None if group else spec.run.name),  # members of a sweep keep their own
        job_type=settings.job_type or job_type,
        notes=settings.notes,
        config=spec.config if config is None else config,
        run_id=run_id or settings.id,
        resume="allow" if run_id else settings.resume or "allow",
        place=place(folder),
        git=None if os.environ.get("WANDB_DISABLE_GIT", "").lower() in TRUE else git,
        says_url=says_url,
    )


def give_files(wandb: Wandb, spec: RunSpec, summary: Mapping[str, Any], folder: Path) -> None:
    """Give W&B what a run left beside its rows: curves.png, and its model where wandb.artifacts asks for it.

    Of a run that was interrupted it gets neither: they are written anew when it goes on.

    Args:
        summary: as in summary.json, {} of a run that did not end.
    """
    if not summary or summary["status"] == "interrupted":
        return
    if (folder / "curves.png").is_file():
        wandb.image("curves", folder / "curves.png")
    if spec.wandb.artifacts:
        give_model(wandb, summary, folder)


def give_model(wandb: Wandb, summary: Mapping[str, Any], folder: Path) -> None:
    """Give W&B the parameters of a run, with all that its manifest lists: `padl.load` takes the artifact's folder."""
    saved = sorted((folder / "checkpoint").glob("*"))
    try:
        files = [*(folder / name for name in (manifest.NAME, *manifest.entries(folder))), *saved]
    except PadlError as error:
        warn(f"W&B gets no artifact: {error}")
        return
    here = {file.relative_to(folder).as_posix(): file for file in files if file.is_file()}
    if saved:
        told = {name: summary[name] for name in ("title", "status", "steps", "best", "final") if name in summary}
        wandb.model(here, told)


def recorded_commit(folder: Path) -> dict[str, Any] | None:
    """Return the commit that env.json of a run has of the user's repository."""
    return read_json(folder / "env.json").get("git")


def say_rules(config: Mapping[str, Any], spec: RunSpec) -> None:
    """Say what of the environment's W&B settings does not rule, or sends the run online.

    Args:
        config: as the user gave it.
    """
    for line in lines(config, spec.wandb) if is_writer() else ():
        warn(redact(line))
