"""The one path of a row: what is measured becomes rows, which sinks take; the best value so far; files by the line."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest

from padl.runs import curves
from padl.runs.console import ConsoleProgress
from padl.runs.jsonl import BufferedJsonl, Jsonl
from padl.runs.recorder import Recorder
from padl.runs.run_folder import read_metrics
from padl.runs.sink import BestSoFar, Memory, Sinks
from padl.tasks import classification, embedding, line_reading, pair_ranking, regression
from padl.types import Criterion


@dataclass
class Steps:
    """What some steps measured."""

    step: int
    train: dict
    evaluation: dict
    diverged: int | None = None
    overflowed: int = 0


def steps(start, stop, evaluation=None, diverged=None):
    return Steps(stop, {"loss": np.arange(start + 1.0, stop + 1)}, evaluation or {}, diverged)


def test_a_run_and_a_member_of_a_sweep_leave_the_same_bytes(tmp_path):
    for name, kind in (("run", Jsonl), ("member", BufferedJsonl)):
        (tmp_path / name).mkdir()
        recorder = Recorder(4, kind(tmp_path / name))
        recorder.take(steps(0, 5, {"loss": math.nan}), last=False)
        recorder.take(steps(5, 7, {"loss": 0.5}), last=True)
        recorder.close({})
    run, member = ((tmp_path / name / "metrics.jsonl").read_bytes() for name in ("run", "member"))
    assert run == member
    assert [json.loads(line) for line in run.splitlines()] == [
        {"step": 4, "train/loss": 2.5},
        {"step": 5, "eval/loss": "NaN"},
        {"step": 7, "train/loss": 6.0, "eval/loss": 0.5},
    ]


def test_a_run_says_once_that_its_optimizers_state_is_infinite_and_a_member_by_its_number(capsys):
    for name, where in (("", "padl: step 4: "), ("member 7", "padl: member 7, step 4: ")):
        recorder = Recorder(2, Memory(), name=name)
        for stop, count in ((2, 0), (4, 3), (6, 4)):
            measured = steps(stop - 2, stop, {"loss": 1.0})
            measured.overflowed = count
            recorder.take(measured, last=False)
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{where}the optimizer's state is infinite for 3 numbers of the parameters")


def test_a_run_is_on_disk_row_by_row_and_a_member_when_it_is_flushed(tmp_path):
    file = tmp_path / "metrics.jsonl"
    run = Jsonl(tmp_path)
    run.write(1, {"a": 1.0})
    assert len(read_metrics(tmp_path)) == 1
    run.close({})
    file.unlink()
    member = BufferedJsonl(tmp_path)
    member.write(1, {"a": 1.0})
    assert not file.exists()
    member.flush()
    member.flush()
    member.write(2, {"a": 2.0})
    member.close({})
    assert read_metrics(tmp_path) == [{"step": 1, "a": 1.0}, {"step": 2, "a": 2.0}]


def test_rows_end_with_the_step_that_diverged_and_without_the_evaluation_after_it():
    memory = Memory()
    Recorder(2, memory).take(steps(0, 10, {"loss": 1.0}, diverged=5), last=True)
    assert memory.rows == [
        {"step": 2, "train/loss": 1.5},
        {"step": 4, "train/loss": 3.5},
        {"step": 5, "train/loss": 5.0},
    ]


class Closed:
    """Keeps the summaries that it was closed with."""

    def __init__(self):
        self.summaries = []

    def write(self, step, row): ...

    def close(self, summary):
        self.summaries.append(summary)


def stopped(recorder, error):
    """Let a block of the recorder measure five steps and raise."""
    with recorder:
        if recorder.is_open:
            recorder.take(steps(0, 5), last=False)
        raise error


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, "interrupted"), (RuntimeError, "failed")])
def test_sinks_of_a_run_that_is_stopped_are_closed_once_with_the_reason(error, status):
    sink = Closed()
    with pytest.raises(error):
        stopped(Recorder(2, sink), error("why\nand more"))
    assert sink.summaries == [{"status": status, "reason": f"{error.__name__}: why", "steps": 4}]
    recorder = Recorder(2, finished := Closed())
    recorder.close({"status": "finished"})
    with pytest.raises(error):
        stopped(recorder, error())
    assert finished.summaries == [{"status": "finished"}]


@pytest.mark.parametrize(("direction", "best"), [("max", [2.0, 2.0, 3.0]), ("min", [2.0, 1.0, 1.0])])
def test_the_best_so_far_passes_over_what_is_missing_or_not_finite(direction, best):
    sink = BestSoFar(Criterion("eval/loss", direction))
    sink.write(0, {"train/loss": 9.0})
    assert math.isnan(sink.value)
    values = []
    for step, value in enumerate([2.0, math.nan, 1.0, math.inf, -math.inf, 3.0]):
        sink.write(step, {"eval/loss": value})
        values += [sink.value] if math.isfinite(value) else []
    assert values == best


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (classification, "loss 0.1  accuracy 0.9"),
        (embedding, "loss 0.1  knn_accuracy 0.9"),
        (pair_ranking, "loss 0.1  concordance 0.9"),
        (line_reading, "loss 0.1  label_error_rate 0.9"),
        (regression, "loss 0.1  rmse 0.9  coverage 0.9"),
    ],
)
def test_the_line_tells_the_training_loss_and_the_metrics_that_the_task_declares(capsys, task, text):
    shown = [metric.name for metric in task.METRICS if metric.shown]
    progress = ConsoleProgress(5, shown, "plain")
    evaluation = {f"eval/{metric.name}": 0.9 for metric in task.METRICS}
    progress.write(5, {"train/loss": 0.1, "eval/loss": 0.2, "learning_rate": 1.0, **evaluation})
    assert capsys.readouterr().err == f"step 5/5  {text}\n"


def test_a_picture_has_the_loss_first_and_what_is_to_be_drawn_of_what_was_measured(tmp_path, monkeypatch):
    drawn = []
    panel = curves._panel
    monkeypatch.setattr(
        curves, "_panel", lambda axes, rows, name, *more: drawn.append(name) or panel(axes, rows, name, *more)
    )
    rows = [
        {"step": 1, "learning_rate": 0.1, "train/loss": 1.0, "eval/rmse": 2.0, "eval/mae": 2.0, "eval/coverage": 1.0}
    ]
    curves.draw(rows, ["rmse", "coverage", "never measured"], "title", tmp_path / "curves.png")
    assert drawn == ["loss", "coverage", "rmse"]
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_a_sink_that_fails_while_it_is_closed_does_not_keep_the_others_open(capsys):
    class Failing(Closed):
        def close(self, summary):
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        Sinks(Failing(), other := Closed()).close({"steps": 1})
    Sinks(first := Closed(), Failing(), last := Closed()).close({"steps": 1})
    assert first.summaries == last.summaries == other.summaries == [{"steps": 1}]
    assert capsys.readouterr().err.count("Failing stopped (OSError: gone)") == 1
