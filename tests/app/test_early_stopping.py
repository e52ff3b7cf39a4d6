"""A run ends after an evaluation that is good enough, or where it gets no better: to the bits of the longer run."""

import json
import math

import jax
import numpy as np
import pytest
from asked_to_stop import After

import padl
from padl.app import train
from padl.app.early_stopping import EarlyStopping, check
from padl.app.resume import resume
from padl.app.settings import StopSettings
from padl.runs import run_folder, status
from padl.types import Criterion, PadlError

STILL = 1e-30  # a learning rate that moves nothing
BASE = {
    "task": {"name": "digits", "test": 0.1},
    "model": {"name": "mlp", "widths": [4]},
    "optimizer": {"name": "adam", "learning_rate": STILL},
    "schedule": "cosine",
    "steps": 60,
    "steps_per_call": 5,
    "log_every": 5,
    "eval_every": 5,
    "devices": 1,
    "progress": "none",
    "wandb": {"mode": "disabled"},
}


def stops_at(values, direction="max", **settings):
    """The number of the evaluation after which it stops, counted from 1; None where it never does."""
    early = EarlyStopping(StopSettings(**settings), Criterion("accuracy", direction))
    return next((i for i, value in enumerate(values, start=1) if early.ends(i, value)), None)


def test_patience_counts_evaluations_in_a_row_without_a_better_one():
    assert stops_at([0.5, 0.6, 0.6, 0.6, 0.6, 0.6], patience=3) == 5  # as good is not better
    assert stops_at([0.5, 0.6, 0.5, 0.5, 0.7, 0.5, 0.5, 0.5], patience=3) == 8  # a better one begins anew
    assert stops_at([3.0, 2.0, 1.0, 0.5], "min", patience=1) is None
    assert stops_at([3.0, 2.0, 2.5, 1.0], "min", patience=1) == 3


def test_what_is_better_by_no_more_than_min_change_does_not_count_but_adds_up():
    assert stops_at([0.5, 0.55, 0.6, 0.65], patience=1, min_change=0.08) == 2
    assert stops_at([0.5, 0.55, 0.6, 0.65, 0.7], patience=2, min_change=0.08) is None  # against the last that counted
    assert stops_at([1.0, 0.95], "min", patience=1, min_change=0.1) == 2


def test_a_value_that_is_not_finite_is_never_better():
    assert stops_at([math.nan, math.nan, 0.5], patience=2) == 2
    assert stops_at([math.inf, 0.5, math.nan, 0.4], patience=2) == 4


def test_a_target_is_reached_by_equality_in_the_metrics_direction():
    assert stops_at([0.5, 0.97, 0.98], target=0.97) == 2
    assert stops_at([0.5, 0.3, 0.2], "min", target=0.2) == 3
    assert stops_at([0.5, 0.4, 0.97], patience=1, target=0.97) == 2  # whichever is first


def test_asked_again_it_says_the_same():
    early = EarlyStopping(StopSettings(patience=2), Criterion("loss", "min"))
    assert [early.ends(step, 1.0) for step in (10, 20, 20, 20, 30, 30)] == [False] * 4 + [True] * 2


@pytest.mark.parametrize(
    ("settings", "steps", "eval_every", "says"),
    [
        ({"patience": 1}, 10, 10, "stop.patience=1 cannot end this run early: that takes 3 evaluations"),
        ({"patience": 5}, 60, 10, "takes 7 evaluations, and 60 steps with eval_every=10 have 6"),
        ({"target": 0.9}, 10, 50, "stop.target=0.9 cannot end this run early: that takes 2 evaluations"),
        ({"min_change": 0.1}, 60, 5, "give both"),
        ({"target": math.nan}, 60, 5, "must be a number"),
    ],
)
def test_what_can_end_no_run_is_refused(settings, steps, eval_every, says):
    with pytest.raises(PadlError, match=says):
        check(StopSettings(**settings), steps, eval_every)


def test_what_could_end_a_run_at_its_last_evaluation_but_one_is_taken():
    check(StopSettings(patience=5), 70, 10)
    check(StopSettings(target=0.5), 20, 10)


@pytest.mark.parametrize("settings", [{"patience": 0}, {"min_change": -1.0, "patience": 1}, {"patiense": 3}])
def test_values_out_of_range_and_unknown_words_are_refused(settings):
    with pytest.raises(PadlError, match=r"stop\.(pati|min_change)"):
        padl.train(**{**BASE, "stop": settings})


def run(folder, looks=10**9, **changes):
    config = {**BASE, "run": {"dir": str(folder), "plot": False}, **changes}
    return train.run(config, ["padl", "train"], After(looks))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    return run(tmp_path_factory.mktemp("stopped"), stop={"patience": 3})


def test_a_run_that_learns_nothing_stops_after_the_first_evaluation_and_its_patience(stopped):
    assert (stopped.status, stopped.summary["steps"]) == ("finished", 20)
    assert stopped.summary["reason"] == "stopped at step 20: no better eval/accuracy in 3 evaluations"
    assert stopped.summary["best"]["step"] == 5
    assert set(stopped.summary["test"]) == {"final", "best"}
    record = status.read(stopped.folder)
    assert (record.status, record.step, record.reason) == ("finished", 20, stopped.summary["reason"])
    assert stopped.config["stop"] == {"patience": 3, "min_change": 0.0, "target": None}
    assert "stopped at step 20" in repr(stopped)


def test_its_rows_are_those_of_the_longer_run_up_to_there(stopped, whole):
    rows = [run_folder.read_metrics(each.folder) for each in (stopped, whole)]
    assert rows[0] == [row for row in rows[1] if row["step"] <= 20]


def test_nothing_more_is_compiled_for_it(whole, tmp_path):
    heard = []
    jax.monitoring.register_event_duration_secs_listener(listener := lambda name, *_, **__: heard.append(name))
    run(tmp_path, stop={"patience": 5, "target": 0.99})
    jax.monitoring.unregister_event_duration_listener(listener)
    assert "/jax/core/compile/backend_compile_duration" not in heard


def files(folder):
    names = ("metrics.jsonl", "checkpoint/final.msgpack", "checkpoint/best.msgpack")
    return {name: (folder / name).read_bytes() for name in names}


def test_resume_refuses_a_stopped_run_unless_another_rule_lets_it_go_on(tmp_path, whole):
    folder = run(tmp_path, stop={"patience": 3}).folder
    refused = [({}, "another stop.patience"), ({"steps": 90}, "takes no step more"), ({"stop.patience": 2}, "step 15")]
    for settings, says in refused:
        with pytest.raises(PadlError, match=says):
            resume(folder, settings, allow=["schedule"] if "steps" in settings else [])
    later = resume(folder, {"stop.patience": 6})
    assert later.summary["reason"] == "stopped at step 35: no better eval/accuracy in 6 evaluations"
    end = resume(folder, {"stop.patience": None})
    assert (end.summary["steps"], end.summary["reason"]) == (60, "")
    assert files(folder) == files(whole.folder)
    with pytest.raises(PadlError, match="after 60 steps"):
        resume(folder, {"stop.patience": None})


def test_a_run_that_a_signal_stopped_counts_on_where_it_was(tmp_path, stopped):
    folder = run(tmp_path, looks=2, stop={"patience": 3}).folder
    assert status.read(folder).status == "interrupted"
    again = resume(folder)
    assert again.summary["reason"] == stopped.summary["reason"]
    assert files(folder) == files(stopped.folder)


def test_a_run_that_was_killed_after_it_had_stopped_is_only_closed(tmp_path, stopped):
    folder = run(tmp_path, stop={"patience": 3}).folder
    content = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps({**content, "status": "interrupted", "reason": "killed"}))
    again = resume(folder)
    assert (again.status, again.summary["reason"]) == ("finished", stopped.summary["reason"])
    assert files(folder) == files(stopped.folder)


def test_a_run_that_diverges_says_that():
    ill = padl.train(**{**BASE, "optimizer": {"name": "sgd", "learning_rate": 1e30}, "stop": {"patience": 1}})
    assert ill.status == "diverged"
    assert ill.summary["reason"].startswith("loss")


def test_a_run_of_all_its_steps_gives_no_reason():
    result = padl.train(**{**BASE, "stop": {"target": 0.99}})
    assert (result.status, result.summary["steps"], result.summary["reason"]) == ("finished", 60, "")


def test_learning_reaches_a_target_and_the_best_parameters_are_those_that_did():
    learns = {**BASE, "optimizer": {"name": "adam", "learning_rate": 0.01}, "stop": {"target": 0.4}}
    result = padl.train(**learns)
    assert result.summary["steps"] < 60
    assert result.summary["best"]["step"] == result.summary["steps"]
    assert result.summary["final"]["accuracy"] >= 0.4
    for name, array in result.best_params.items():
        np.testing.assert_array_equal(array, result.params[name])
