"""What a sweep comes to: results.csv, sweep.json and pictures in its folder."""

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from padl.app import artifacts
from padl.app.sweep import members as grouping
from padl.app.sweep import selection as objective
from padl.app.sweep.members import Member
from padl.app.sweep.run import Sweep
from padl.compare import statistics, sweep_plots
from padl.compare.sweep_table import SweepTable
from padl.runs import run_folder
from padl.types import Criterion

ENDED = ("finished", "diverged")  # the members that can be judged
Row = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """A sweep as a tidy table.

    Attributes:
        rows: one for each member: its number, folder, swept values, status, step, objective, steps_to_target, and the
            final and best metrics; what a member has not is None.
        swept: the keys that take several values. objective: what members are ranked by.
        target: the value that steps_to_target is about. ranked: the settings over seeds, the best first.
        warnings: lines. histories: {member: (steps, values)} of the objective.
        folder: of the sweep, None where none was asked for.
    """

    rows: list[Row]
    swept: list[str]
    objective: Criterion
    target: float | None
    ranked: list[statistics.Setting]
    warnings: list[str]
    histories: dict[int, tuple[np.ndarray, np.ndarray]]
    folder: Path | None

    def column(self, name: str) -> np.ndarray:
        """A column of `rows` as an array; raises KeyError for one there is not."""
        return np.array([row[name] for row in self.rows])

    @cached_property
    def best(self) -> dict[str, Any]:
        """The values of the best setting, {} where no member finished."""
        return dict(self.ranked[0].values) if self.ranked and self.ranked[0].n else {}


def gather(sweep: Sweep) -> Results:
    """The results of what has been launched so far."""
    assert sweep.objective is not None
    goal, members = sweep.objective, sweep.members
    swept = grouping.swept(members)
    histories = {m.number: objective.course(m.rows, goal.metric) for m in members}
    rows = [{**_row(m, swept), "objective": m.objective} for m in members]
    told = sweep.draft.sweep.target
    target = told if told is not None else statistics.target(rows)
    for row in rows:
        reached = None if target is None else statistics.steps_to(*histories[row["member"]], target, goal.direction)
        row["steps_to_target"] = reached
    names = dict.fromkeys(name for row in rows for name in row)
    rows = [{name: row.get(name) for name in names} for row in rows]
    ranked = statistics.rank([row for row in rows if row["status"] in ENDED], swept, goal.direction)
    warnings = statistics.edges(ranked, sweep.bounds) + _measured_once(goal, histories)
    return Results(rows, swept, goal, target, ranked, warnings, histories, sweep.folder)


def _measured_once(goal: Criterion, histories: Mapping[int, tuple[np.ndarray, np.ndarray]]) -> list[str]:
    if max((len(steps) for steps, _ in histories.values()), default=0) != 1:
        return []
    knob = "eval_every" if goal.metric.startswith("eval/") else "log_every"
    return [f"{goal.metric} was measured once a run: a smaller {knob} shows its course"]


def _row(member: Member, swept: list[str]) -> Row:
    """The columns of results.csv that a member has."""
    summary = member.summary
    found = {
        "member": member.number,
        "folder": member.folder.name if member.folder else None,
        **{key: member.values.get(key) for key in swept},
        "status": "not started" if member.status == "waiting" else member.status,
        "step": summary.get("steps", member.step),
    }
    for part in ("final", "best"):
        found |= {f"{part}/{name}": value for name, value in summary.get(part, {}).items()}
    return found


def finish(sweep: Sweep) -> Results | None:
    """Write and give the results; None where no member was started."""
    if all(member.status == "waiting" for member in sweep.members):
        return None
    found = gather(sweep)
    if found.folder:
        _write(sweep, found)
    _end_wandb(sweep, found)
    return found


def _write(sweep: Sweep, found: Results) -> None:
    assert found.folder is not None
    run_folder.write_text(found.folder / "results.csv", table_as_csv(found.rows))
    run_folder.write_json(found.folder / "sweep.json", _described(sweep, found))
    if sweep.draft.run.plot:
        done = [row for row in found.rows if row["status"] in ENDED]
        if done:
            seeds = len({m.draft.settings.seed for m in sweep.members})
            heading = f"{title(sweep)}, {len(done)} runs, {seeds} seed{'s' if seeds > 1 else ''}"
            sweep_plots.draw(SweepTable(done, found.swept, *found.objective, found.histories, heading), found.folder)
        _draw_best(sweep, found)


def _draw_best(sweep: Sweep, found: Results) -> None:
    """curves.png of the best members."""
    sign = -1 if found.objective.direction == "max" else 1
    finished = [m for m in sweep.members if m.status == "finished" and m.folder and not math.isnan(m.objective)]
    for member in sorted(finished, key=lambda m: sign * m.objective)[: sweep.draft.sweep.curves]:
        assert member.folder is not None
        artifacts.draw(member.draft, member.summary, member.rows, member.folder)


def table_as_csv(rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: "" if v is None or v != v else run_folder.redact(v) for k, v in row.items()} for row in rows)
    return text.getvalue()


def _described(sweep: Sweep, found: Results) -> dict[str, Any]:
    """The content of sweep.json."""
    return {
        "command": [run_folder.redact_argument(word) for word in sweep.command],
        "objective": found.objective._asdict(),
        "target": found.target,
        "swept": found.swept,
        "members": len(found.rows),
        "statuses": Counter(row["status"] for row in found.rows),
        "programs": sweep.programs,
        "seconds": perf_counter() - sweep.started,
        "ranking": [setting._asdict() for setting in found.ranked],
        "warnings": found.warnings,
        "bounds": sweep.bounds,
    }


def _end_wandb(sweep: Sweep, found: Results) -> None:
    if sweep.wandb:
        sweep.wandb.table("results", list(found.rows[0]), [list(row.values()) for row in found.rows])
        statuses = Counter(row["status"] for row in found.rows)
        sweep.wandb.close({"statuses": dict(statuses), "best": found.best})
    for member in sweep.members:
        if member.wandb:
            member.wandb.wait()


def title(sweep: Sweep) -> str:
    """`digits mlp adam`, of what all members share."""
    draft, swept = sweep.draft, grouping.swept(sweep.members)
    task = [] if "task" in swept else [str(draft.task.about.get("title", draft.config["task"]["name"]))]
    shared = [draft.config[k]["name"] for k in ("model", "optimizer") if k in draft.config and k not in swept]
    return " ".join([*task, *shared]) or "a sweep"
