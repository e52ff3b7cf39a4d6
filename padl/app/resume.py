"""Go on with a run that was stopped, in its own folder, to the bits of the run that never was. resume.

What its numbers depend on must be as it was: what differs is refused, unless it is allowed by name.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from padl.app.compilation_cache import use_compilation_cache
from padl.app.early_stopping import early_stopping
from padl.app.fingerprint import ALLOW, Fingerprint, check_same, fingerprint, with_usual
from padl.app.keywords import ResumeKeys, Things, spelled_out
from padl.app.naming import as_typed
from padl.app.outputs import say_rules
from padl.app.parameter_groups import files_of
from padl.app.plan import Plan, resolve
from padl.app.run_spec import Memo, RunSpec, check
from padl.app.stopping import NEVER, StopRequest
from padl.app.stored_config import allowed, for_today, same_wandb_run, say_path_unused, say_unused
from padl.app.sweep import results
from padl.app.sweep.recorded import TODAYS, is_sweep
from padl.app.sweep.results import Results
from padl.app.sweep.resume import reopen, train_again
from padl.app.timing import Clock
from padl.app.training import Beginning, RunResult, Training
from padl.engine import loop, mesh
from padl.jax_flags import pinned
from padl.nested import flattened, with_value
from padl.registry import near
from padl.runs import jsonl, lock, run_files, run_folder, snapshots
from padl.runs import status as statuses
from padl.runs.redaction import redact_argument
from padl.runs.sink import warn
from padl.runs.windows import checked_state
from padl.types import PadlError

QUIET = {"progress": "none", "wandb.mode": "disabled"}
STOPS = ("stop.patience", "stop.min_change", "stop.target")
CHANGEABLE = (
    "steps", "epochs", *STOPS, "progress", "run.save_every", "run.keep", "sinks", "wandb.mode", "wandb.project",
    "wandb.entity",
)  # fmt: skip


class RunRecord(NamedTuple):
    """What a run's snapshot has beside its arrays.

    Attributes:
        metrics: what was written of metrics.jsonl. window: of metrics that was open. seconds: that the run has taken.
        wandb_id: of its W&B run, None without. fingerprint: what its numbers depend on.
    """

    metrics: jsonl.Written
    window: dict[str, Any]
    seconds: float
    wandb_id: str | None
    fingerprint: Fingerprint


@pinned()
@spelled_out()
def resume(
    folder: str | Path,
    settings: ResumeKeys | None = None,
    *,
    allow: Collection[str] = (),
    command: Sequence[str] = (),
    stop: StopRequest = NEVER,
    **things: Unpack[Things],
) -> RunResult | Results:
    """Go on with a run or a sweep where its newest whole snapshot is, in the same folder, rows and W&B run: as
    `padl resume`, but quiet and without W&B unless asked for.

    Parameters, rows and evaluations are those of the run that never stopped, to the bit.

    Args:
        folder: of a run or a sweep that was interrupted, killed or failed; with more steps, of a run that finished.
        settings: `steps` or `epochs` extend the run, where its learning rates so far stay what they were; another
            `stop.patience`, `stop.min_change`, `stop.target` lets one go on that these had stopped; also "progress",
            "run.save_every", "run.keep", "sinks", "wandb.mode", "wandb.project", "wandb.entity".
        allow: groups of what may differ from then: config, code, plugins, data, versions, device, flags, schedule.
        command: what the user typed, word by word, for the records. stop: looked at between two calls.
        things: what came from Python, given again: `task`, `model`, `loss`, `optimizer`, `schedule`; of a sweep the
            list of those that it has, in their order.

    Returns:
        As `padl.train` or `padl.sweep` does.

    Raises:
        PadlError: no run there, one that still runs, finished or diverged, no whole snapshot, or one of another run.
    """
    folder, changes = Path(folder).absolute(), {**QUIET, **(settings or {})}
    allow = allowed(allow, ALLOW)
    if is_sweep(folder):
        return _resume_sweep(folder, changes, allow, stop, things)
    return resume_run(folder, changes, allow, command, stop, things)


def _resume_sweep(
    folder: Path, settings: Mapping[str, Any], allow: Collection[str], stop: StopRequest, things: Mapping[str, Any]
) -> Results:
    for key in settings:
        if key not in TODAYS:
            raise PadlError(f"{folder} is a sweep, {key} is for a run: padl resume {folder} KEY=A,B,C adds members")
    sweep = reopen(folder, allow, settings, stop=stop, things=things)
    try:
        train_again(sweep)
    finally:
        swept = results.finish(sweep)
    assert swept is not None  # since it has members
    return swept


def resume_run(
    folder: Path,
    settings: Mapping[str, Any],
    allow: Collection[str],
    command: Sequence[str],
    stop: StopRequest,
    things: Mapping[str, Any] | None = None,
) -> RunResult:
    """Go on with a run; arguments as of `resume`."""
    _check_words(settings)
    stored_config = run_files.stored_config(folder).values
    config = for_today(stored_config, folder, ("compilation_cache", "device"), allow, things)
    config["sinks"] = stored_config.get("sinks") or ()
    config["wandb"] = same_wandb_run(stored_config, folder, reported="wandb.mode" not in settings)
    say_path_unused([{**config, "start": None}], folder, allow)
    finished = _check_status(folder, settings)
    run_files.verified_json(folder / "env.json")
    with Clock() as clock, lock.hold(folder):
        stored = _newest(folder)
        saved = _record(stored)
        jsonl.check_begins(folder, saved.metrics)
        use_compilation_cache("auto")
        memo: Memo = {}
        before = check(config, memo)
        plan = resolve(_changed(config, settings, before), memo)
        recorded = with_usual(saved.fingerprint, before)
        check_same(folder, recorded, fingerprint(before, plan.device, plan.device_count), allow)
        is_extended = "steps" in settings or "epochs" in settings
        goes_otherwise = is_extended and _check_extension(before, plan, stored.step, allow)
        if "schedule" in allow and not goes_otherwise:
            say_unused("schedule")
        if finished:
            _check_is_not_done(folder, plan, stored.step)
        say_rules(plan.config, plan)
        beginning = _beginning(folder, plan, stored, saved)
        _note(folder, before, plan, stored.step, command)
        return Training(plan, folder, clock, stop, beginning).run()


def _check_words(settings: Mapping[str, Any]) -> None:
    for key in settings:
        if key not in CHANGEABLE:
            raise PadlError(
                f"resume cannot change '{key}'{near(key, CHANGEABLE)}: it would be another run, which padl rerun makes "
                f"(resume takes {', '.join(CHANGEABLE)})"
            )
        if key in ("steps", "epochs") and settings[key] is None:
            raise PadlError(f"{key}=null extends nothing: give a number")


def _check_status(folder: Path, settings: Mapping[str, Any]) -> bool:
    """Tell whether the run had finished; raises PadlError where nothing can go on."""
    status = statuses.read(folder)
    if status.status == "running":
        raise PadlError(f"{folder} is running, as process {status.pid} on {status.host}: stop that first")
    if status.status == "diverged":
        raise PadlError(f"{folder} diverged ({status.reason}), and would again: another optimizer or learning rate")
    if status.status == "finished" and not {"steps", "epochs", *STOPS} & set(settings):
        goes_on = "another stop.patience or stop.target, or null for none, goes on"
        how = goes_on if status.reason else "steps=N with a larger N extends it"
        raise PadlError(f"{folder} is finished, {status.reason or f'after {status.step} steps'}: {how}")
    return status.status == "finished"


def _newest(folder: Path) -> snapshots.StoredSnapshot:
    stored = snapshots.newest(folder / snapshots.FOLDER)
    if stored is None and is_sweep(folder.parent):
        raise PadlError(f"{folder} is one of a sweep, whose lanes go on together: padl resume {folder.parent}")
    if stored is None:
        raise PadlError(
            f"{folder} has no whole snapshot to go on from (run.save_every=5min keeps one every five minutes): "
            f"padl rerun {folder} begins anew, in another folder"
        )
    return stored


def _record(stored: snapshots.StoredSnapshot) -> RunRecord:
    """Read what was saved beside the arrays."""
    with stored.readable():
        saved = stored.record
        wandb_id = None if saved["wandb_id"] is None else str(saved["wandb_id"])
        about = {group: dict(values) for group, values in saved["fingerprint"].items()}
        return RunRecord(
            jsonl.written(saved["metrics"]), checked_state(saved["window"]), float(saved["seconds"]), wandb_id, about
        )


def _changed(config: Mapping[str, Any], settings: Mapping[str, Any], before: RunSpec) -> dict[str, Any]:
    """The configuration with what is to change; evaluations stay as far apart as they were."""
    changed = dict(config)
    if "steps" in settings or "epochs" in settings:
        changed |= {"steps": None, "epochs": None, "eval_every": before.eval_every}
    for key, value in settings.items():
        changed = with_value(changed, key, value)
    return changed


def _check_extension(before: RunSpec, plan: Plan, done: int, allow: Collection[str]) -> bool:
    """Tell whether the steps that were done would have had other learning rates in the longer run.

    Raises:
        PadlError: they would, and that is not allowed.
    """
    if plan.steps <= done:
        raise PadlError(f"steps={plan.steps}: {done} are done already; give more")
    if plan.steps == before.steps:
        return False
    count = jnp.arange(done, dtype=jnp.float32)
    shares = [
        np.asarray(p.experiment.schedule(count / p.hparams["run"]["steps"], **p.hparams["schedule"])) * np.ones(done)
        for p in (before, plan)
    ]
    goes_otherwise = not np.array_equal(shares[0], shares[1])
    if goes_otherwise and "schedule" not in allow:
        name = plan.config["schedule"]["name"]
        raise PadlError(
            f"schedule={name} spreads its learning rates over all steps: with {plan.steps} instead of {before.steps} "
            f"the first {done} would have gone otherwise; schedule=constant can be extended, --allow schedule goes on"
        )
    return goes_otherwise


def _check_is_not_done(folder: Path, plan: Plan, done: int) -> None:
    """Raise PadlError where a run that finished would take no step more."""
    if plan.steps <= done:
        raise PadlError(f"{folder} is finished, after {done} steps: steps=N with a larger N extends it")
    early = early_stopping(plan.stop, plan.task.criterion)
    if early:
        early.replay(row for row in run_folder.read_metrics(folder) if row["step"] <= done)
    if early and early.reason:
        raise PadlError(
            f"{folder} is finished, and takes no step more with these stop.*: it would have {early.reason}; another "
            "stop.patience or stop.target, or null for none, goes on"
        )


def _beginning(folder: Path, plan: Plan, stored: snapshots.StoredSnapshot, saved: RunRecord) -> Beginning:
    """What the run begins with; metrics.jsonl is cut off behind the snapshot."""
    like = loop.shapes(plan.experiment, plan.task.criterion, plan.key, plan.hparams)
    start = mesh.put(stored.tree(like), [plan.device], plan.experiment.mesh)
    if not all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(start.state.params)):
        raise PadlError(f"{stored.folder} has parameters that are not finite, and is not used")
    jsonl.cut(folder, saved.metrics)
    snapshots.set_aside(stored)
    rows = run_folder.read_metrics(folder) if (folder / jsonl.NAME).is_file() else []
    return Beginning((), start, saved.window, rows, saved.seconds, saved.wandb_id)


def _note(folder: Path, before: RunSpec, plan: Plan, step: int, command: Sequence[str]) -> None:
    """Say what goes on from where, and write it into resumes.jsonl; config.yaml follows where it changes."""
    then, now = ({k: as_typed(v) for k, v in flattened(config).items()} for config in (before.config, plan.config))
    changes = {key: [then.get(key), value] for key, value in now.items() if then.get(key) != value}
    if plan.settings.progress != "none":
        for key, (old, new) in changes.items():
            warn(f"{key}: {old} -> {new}")
        warn(f"going on after step {step:,} of {plan.steps:,}")
    env = (folder / "env.json").read_text(encoding="utf-8")
    run_files.write_start(folder, plan.config, env, files_of(plan))
    words = [redact_argument(word) for word in command]
    time = datetime.now(UTC).isoformat(timespec="seconds")
    with (folder / "resumes.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"time": time, "after_step": step, "changes": changes, "command": words}) + "\n")
