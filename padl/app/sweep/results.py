"""What a sweep comes to: results.csv, sweep.json and pictures in its folder."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from padl.app import artifacts, naming
from padl.app.frames import data_frame
from padl.app.outputs import give_model
from padl.app.readable_runs import sweep_card
from padl.app.sweep import selection
from padl.app.sweep.members import ENDED, Member, swept
from padl.app.sweep.run import Sweep
from padl.app.sweep.sweep_config import shared_config
from padl.compare import statistics, sweep_plots
from padl.compare.sweep_table import SweepTable
from padl.nested import with_equal_keys
from padl.readable import Card, Readable
from padl.runs import run_folder
from padl.runs.csv_table import csv_text
from padl.runs.pictures import attempt, drawn
from padl.runs.redaction import redact, redact_argument
from padl.runs.wandb import Wandb
from padl.types import Criterion

Row = dict[str, Any]
TEST = "test/best/"  # begins the columns of the best parameters on the test rows


@dataclass(frozen=True, repr=False)
class Results(Readable):
    """A sweep as a tidy table. It shows its ranking.

    Attributes:
        rows: one for each member: its number, folder, swept values, status, step, objective, steps_to_target, and the
            final and best metrics; what a member has not is None. Of several tasks also the task, and what its
            objective is of.
        swept: the keys that take several values. objective: what members are ranked by; None where members are of
            several tasks, which only `of_each` ranks.
        target: the value that steps_to_target is about; None where no member has one.
        ranked: the settings over seeds, the best first. warnings: what to beware of, in lines.
        histories: {member: (steps, values)} of the objective.
        folder: of the sweep, None where none was asked for.
        title: of what all members share, "digits mlp adam".
        of_each: where members are of several tasks, the results of each, ranked by its own objective: {task: results}.
    """

    rows: list[Row]
    swept: list[str]
    objective: Criterion | None
    target: float | None
    ranked: list[statistics.Setting]
    warnings: list[str]
    histories: dict[int, tuple[np.ndarray, np.ndarray]]
    folder: Path | None
    title: str = "a sweep"
    of_each: Mapping[str, "Results"] = field(default_factory=dict)

    def card(self) -> Card:
        """Say what the sweep came to."""
        rankings = {task: (part.objective, part.ranked) for task, part in self.rankings.items() if part.objective}
        return sweep_card(self.heading, self.rows, rankings, self.warnings, self.folder)

    @property
    def rankings(self) -> dict[str, "Results"]:
        """The results that rank: those of each task, or these themselves, under no name."""
        return dict(self.of_each) or {"": self}

    @property
    def ended(self) -> list[Row]:
        """The rows of the members that have ended: what is ranked and drawn."""
        return [row for row in self.rows if row["status"] in ENDED]

    @property
    def heading(self) -> str:
        """Of every picture: `digits mlp adam, 16 runs, 8 seeds`."""
        runs, seeds = len(self.ended), len({row.get("seed") for row in self.rows})
        return f"{self.title}, {runs} run{'s' if runs != 1 else ''}, {seeds} seed{'s' if seeds > 1 else ''}"

    def to_frame(self) -> Any:
        """Make a `pandas.DataFrame` of the rows, one for each member; PadlError without pandas."""
        return data_frame(self.rows)

    def plot(self, picture: str = "") -> Any:
        """Draw one of the sweep's pictures; a matplotlib figure, which a notebook shows.

        Args:
            picture: as its file would be called, "by_optimizer.learning_rate", "best_curves"; "" takes the first.

        Raises:
            PadlError: no picture of that name, or nothing to draw, as no member has an objective.
        """
        every: dict[str, Any] = {}
        for task, part in self.rankings.items():
            every |= sweep_plots.pictures(part.table, task)
        return drawn(every, picture, self.heading)

    @property
    def table(self) -> SweepTable:
        """What the pictures of one ranking are drawn from."""
        assert self.objective is not None, "a picture is of one task"
        return SweepTable(self.ended, self.swept, *self.objective, self.histories, self.heading)

    def column(self, name: str) -> np.ndarray:
        """Return a column of `rows` as an array; raises KeyError for one there is not."""
        return np.array([row[name] for row in self.rows])

    @cached_property
    def best(self) -> dict[str, Any]:
        """The values of the best setting, {} where no member finished."""
        return dict(self.ranked[0].values) if self.ranked and self.ranked[0].n else {}

    @cached_property
    def test(self) -> dict[str, statistics.Mean]:
        """On the test rows, the mean over seeds of the best parameters of the best setting; {} without such rows."""
        members = self.ranked[0].members if self.ranked else ()
        rows = [row for row in self.rows if row["member"] in members]
        names = [name for name in (rows[0] if rows else ()) if name.startswith(TEST)]
        return {name.removeprefix(TEST): statistics.mean(row[name] for row in rows) for name in names}


def gather(sweep: Sweep) -> Results:
    """Make the results of what has been launched so far, which must be something."""
    members = _by_task(sweep.members)
    if len(members) == 1:
        return _ranked(sweep, sweep.members)
    of_each = {label: _ranked(sweep, some, label) for label, some in members.items()}
    rows = {row["member"]: row for part in of_each.values() for row in part.rows}
    histories = {member: course for part in of_each.values() for member, course in part.histories.items()}
    warnings = [f"{label}: {warning}" for label, part in of_each.items() for warning in part.warnings]
    return Results(
        rows=with_equal_keys([rows[member.number] for member in sweep.members]),
        swept=swept(sweep.members),
        objective=None,
        target=None,
        ranked=[],
        warnings=warnings,
        histories=histories,
        folder=sweep.records.folder,
        title=title(sweep.members),
        of_each=of_each,
    )


def _by_task(members: Sequence[Member]) -> dict[str, list[Member]]:
    """The members of each task, and of each metric where one task is judged by several."""
    names: dict[str, dict[Criterion, list[Member]]] = {}
    for member in members:
        of_name = names.setdefault(str(member.spec.config["task"]["name"]), {})
        of_name.setdefault(member.criterion, []).append(member)
    return {
        name if len(of_name) == 1 else f"{name} {criterion.metric}": some
        for name, of_name in names.items()
        for criterion, some in of_name.items()
    }


def _ranked(sweep: Sweep, members: Sequence[Member], label: str = "") -> Results:
    """The results of members of one task; `label` is theirs among several."""
    objective, keys = members[0].criterion, swept(sweep.members)
    histories = {m.number: selection.course(m.rows, objective.metric) for m in members}
    task = {"task": members[0].spec.config["task"]["name"], "objective_of": objective.metric} if label else {}
    rows = [{**_row(m, keys, task), "objective": m.objective} for m in members]
    setting = sweep.spec.sweep.target
    target = setting if setting is not None else statistics.target(rows)
    for row in rows:
        course = histories[row["member"]]
        reached = None if target is None else statistics.steps_to(*course, target, objective.direction)
        row["steps_to_target"] = reached
    rows = with_equal_keys(rows)
    ranked = statistics.rank([row for row in rows if row["status"] in ENDED], keys, objective.direction)
    warnings = [
        *statistics.not_told_apart(ranked),
        *statistics.edges(ranked, sweep.bounds),
        *_measured_once(objective, histories),
    ]
    folder = sweep.records.folder
    return Results(rows, keys, objective, target, ranked, warnings, histories, folder, title(members))


def _measured_once(objective: Criterion, histories: Mapping[int, tuple[np.ndarray, np.ndarray]]) -> list[str]:
    if max((len(steps) for steps, _ in histories.values()), default=0) != 1:
        return []
    knob = "eval_every" if objective.metric.startswith("eval/") else "log_every"
    return [f"{objective.metric} was measured once a run: a smaller {knob} shows its course"]


def _row(member: Member, keys: list[str], task: Mapping[str, Any]) -> Row:
    """The columns of results.csv that a member has; `task` says of which it is, where there are several."""
    summary = member.summary
    row = {
        "member": member.number,
        "folder": member.folder.name if member.folder else None,
        **task,
        **{key: member.values.get(key) for key in keys},
        "status": "not started" if member.status == "waiting" else member.status,
        "step": summary.get("steps", member.step),
        **({"reason": summary["reason"]} if summary.get("reason") else {}),
    }
    test = {f"test/{part}": metrics for part, metrics in summary.get("test", {}).items()}
    for part, metrics in {"final": summary.get("final", {}), "best": summary.get("best", {}), **test}.items():
        row |= {f"{part}/{name}": value for name, value in metrics.items()}
    return row


def finish(sweep: Sweep) -> Results | None:
    """Write the results and return them; None where nothing was launched, or no member was started."""
    if not sweep.records.is_open or all(member.status == "waiting" for member in sweep.members):
        return None
    results = gather(sweep)
    if sweep.records.written_folder:
        _write(sweep, results, sweep.records.written_folder)
    _end_wandb(sweep, results)
    return results


def write_tables(sweep: Sweep) -> None:
    """Write results.csv and sweep.json as they are now, while members run."""
    if sweep.records.written_folder:
        _write_tables(sweep, gather(sweep), sweep.records.written_folder)


def _write(sweep: Sweep, results: Results, folder: Path) -> None:
    _write_tables(sweep, results, folder)
    if sweep.spec.run.plot and not sweep.stop.signal:
        _draw(sweep, results, folder)


def _write_tables(sweep: Sweep, results: Results, folder: Path) -> None:
    run_folder.write_text(folder / "results.csv", table_as_csv(results.rows))
    run_folder.write_json(folder / "sweep.json", _described(sweep, results))


def _draw(sweep: Sweep, results: Results, folder: Path) -> None:
    """Draw the sweep's plots, and curves.png of the best members."""
    for task, part in results.rankings.items():
        if part.ended:
            attempt(f"the sweep's pictures in {folder}", lambda: sweep_plots.draw(part.table, folder, task))  # noqa: B023
    for members in _by_task(sweep.members).values():
        for member in _best_of(members)[: sweep.spec.sweep.curves]:
            assert member.folder is not None  # as the sweep has one
            artifacts.draw(member.spec, member.summary, member.rows, member.folder)


def table_as_csv(rows: list[Row]) -> str:
    """Write rows that all have the same columns as results.csv: no value, NaN too, is an empty cell."""
    columns = list(rows[0])
    cells = ([row[name] for name in columns] for row in rows)
    return csv_text(columns, cells, cell=lambda value: "" if value is None or value != value else redact(value))


def _described(sweep: Sweep, results: Results) -> dict[str, Any]:
    """The content of sweep.json."""
    return {
        "command": [redact_argument(word) for word in sweep.records.command],
        "swept": results.swept,
        "members": len(results.rows),
        "statuses": Counter(row["status"] for row in results.rows),
        "programs": sweep.programs,
        "seconds": perf_counter() - sweep.started,
        **_ranking(results),
        **({"of_each": {task: _ranking(part) for task, part in results.of_each.items()}} if results.of_each else {}),
        "bounds": sweep.bounds,
    }


def _ranking(results: Results) -> dict[str, Any]:
    """What members were ranked by, and how they rank."""
    return {
        "objective": results.objective and results.objective._asdict(),
        "target": results.target,
        "ranking": [setting._asdict() for setting in results.ranked],
        **({"test": {name: mean._asdict() for name, mean in results.test.items()}} if results.test else {}),
        "warnings": results.warnings,
    }


def _end_wandb(sweep: Sweep, results: Results) -> None:
    wandb = sweep.records.wandb
    if wandb:
        _give_results(wandb, sweep, results)
        statuses = Counter(row["status"] for row in results.rows)
        best = {task: part.best for task, part in results.of_each.items()} or results.best
        wandb.close({"statuses": dict(statuses), "best": best, **_ended(sweep)})
    sweep.records.finish()


def _give_results(wandb: Wandb, sweep: Sweep, results: Results) -> None:
    """Give the sweep's W&B run its table, its pictures and the curves of its best members; where members have no W&B
    run, the best one's model."""
    wandb.configure(shared_config(sweep.members, sweep.bounds))
    wandb.table("results", list(results.rows[0]), [list(row.values()) for row in results.rows])
    if results.folder and not sweep.stop.signal:
        for file in sorted(results.folder.glob("*.png")):
            wandb.image(file.stem, file)
        for file in sorted(results.folder.glob("*/curves.png")):
            wandb.image(f"curves/{file.parent.name}", file)
    if not sweep.spec.wandb.artifacts or sweep.records.has_sinks_for_each:
        return
    for members in _by_task(sweep.members).values():
        for member in _best_of(members)[:1]:
            if member.folder:
                give_model(wandb, member.summary, member.folder)


def _ended(sweep: Sweep) -> dict[str, str]:
    """The status of a sweep, and the signal that stopped it, for the exit code that W&B shows."""
    if sweep.stop.signal:
        return {"status": "interrupted", "reason": sweep.stop.reason}
    if sweep.failures:
        return {"status": "failed"}
    return {"status": "diverged" if all(member.status == "diverged" for member in sweep.members) else "finished"}


def _best_of(members: Sequence[Member]) -> list[Member]:
    """Those of some members of one task that finished, the best first."""
    sign = -1 if members[0].criterion.direction == "max" else 1
    finished = [m for m in members if m.status == "finished" and not math.isnan(m.objective)]
    return sorted(finished, key=lambda member: sign * member.objective)


def title(members: Sequence[Member]) -> str:
    """Return `digits mlp adam, loss=hinge`, of what all members share; a run.name comes first."""
    spec, keys = members[0].spec, swept(members)
    tasks = {str(m.spec.task.about.get("title", m.spec.config["task"]["name"])) for m in members}
    names = [{m.spec.config[kind]["name"] for m in members if kind in m.spec.config} for kind in ("model", "optimizer")]
    shared = [next(iter(each)) for each in [tasks, *names] if len(each) == 1]
    swept_groups = (*keys, *(key.partition(".")[0] for key in keys if "." not in key))
    different = {k: v for k, v in spec.differences.items() if k not in keys and k.partition(".")[0] not in swept_groups}
    others = [member.spec.differences for member in members[1:]]  # an experiment sets keys that are not swept
    different = {k: v for k, v in different.items() if all(k in each and str(each[k]) == str(v) for each in others)}
    words = [" ".join(shared) or "a sweep", *naming.words_of(spec.config, different, naming.TITLE)]
    return f"{f'{spec.run.name}: ' if spec.run.name else ''}{', '.join(words)}"
