"""The search as plain Python: trials in batches over a function, without Hydra and without output."""

import math
import os
import socket
import subprocess
import sys

import psutil
import pytest

from padl.app.run_spec import check
from padl.app.sweep import optuna_study
from padl.app.sweep.optuna_study import SearchOptions
from padl.app.sweep.search import Search
from padl.app.sweep.search_space import Dimension, probes
from padl.types import PadlError

OPTIONS = SearchOptions(sampler="random", trials=5, batch=2, seed=0, storage=None, study="padl")
PARENT = {"host": socket.gethostname(), "pid": os.getppid(), "started": psutil.Process(os.getppid()).create_time()}
RATE = Dimension("optimizer.learning_rate", low=1e-5, high=1.0, log=True)


@pytest.fixture(scope="module")
def spec():
    return check({"task": "digits", "run": {"dir": None}, "wandb": {"mode": "disabled"}})


def test_settings_are_launched_in_batches_for_every_seed_and_the_best_is_told(spec, capfd):
    launches = []

    def launch(settings):
        launches.append(settings)
        return [-abs(math.log10(setting["optimizer.learning_rate"]) + 2) for setting in settings]

    search = Search(OPTIONS, [RATE], ["0", "1"], spec)
    assert search.remaining == 5
    search.run(launch)
    best = search.best()
    assert [len(launch) for launch in launches] == [4, 4, 2]
    assert [setting["seed"] for setting in launches[0]] == ["0", "1"] * 2
    rates = [setting["optimizer.learning_rate"] for launch in launches for setting in launch]
    assert best.setting["optimizer.learning_rate"] == min(rates, key=lambda rate: abs(math.log10(rate) + 2))
    assert (search.remaining, best.trials, capfd.readouterr()) == (0, 5, ("", ""))


def test_a_setting_without_a_value_is_the_worst(spec):
    search = Search(OPTIONS, [RATE], [], spec)
    search.run(lambda settings: [None, 0.5][: len(settings)])
    assert (search.best().number, search.best().value) == (1, 0.5)


def test_a_stopped_launch_leaves_no_trial_open(spec):
    search = Search(OPTIONS, [RATE], [], spec)
    with pytest.raises(KeyboardInterrupt):
        search.run(lambda settings: (_ for _ in ()).throw(KeyboardInterrupt))
    assert [trial.state.name for trial in search.study.trials] == ["FAIL"] * 2 + ["WAITING"] * 2


def opened(spec, tmp_path, **options):
    return Search(OPTIONS._replace(storage=str(tmp_path / "j.log"), **options), [RATE], [], spec)


def test_two_searches_share_a_study(spec, tmp_path, capsys):
    first, others = opened(spec, tmp_path), []

    def launch(settings):
        if not others:  # another search comes while the first is at a batch of two
            with pytest.MonkeyPatch.context() as patch:  # of another living process: the one that started this
                patch.setattr(optuna_study, "this_process", lambda: PARENT)
                others.append(opened(spec, tmp_path, trials=6))
            others[0].run(lambda settings: [2.0] * len(settings))
        return [1.0] * len(settings)

    first.run(launch)
    assert [trial.state.name for trial in first.study.trials] == ["COMPLETE"] * 6
    assert f"is searched by process {os.getpid()} on" in capsys.readouterr().err


def test_only_trials_of_dead_processes_are_given_up(spec, tmp_path):
    study = opened(spec, tmp_path).study
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    living, dead = study.ask(), study.ask()
    living.set_user_attr("process", PARENT)
    dead.set_user_attr("process", {**PARENT, "pid": ended.pid})
    again = opened(spec, tmp_path)
    assert [trial.state.name for trial in again.study.trials] == ["RUNNING", "FAIL"]
    assert again.remaining == OPTIONS.trials - 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: [*lines[:2], b"{garbage\n", *lines[3:]], "line 3: it is damaged"),
        (lambda lines: [line for line in lines if b'"op_code": 4' not in line], r"lines are missing"),
        (lambda lines: [*lines[:-1], lines[-1][:-3]], "was cut short"),
    ],
)
def test_a_damaged_journal_is_refused_with_the_line(spec, tmp_path, damage, message):
    opened(spec, tmp_path).run(lambda settings: [1.0] * len(settings))
    journal = tmp_path / "j.log"
    journal.write_bytes(
        b"".join(
            damage(
                [
                    line.replace(b'":', b'": ').replace(b":  ", b": ")
                    for line in journal.read_bytes().splitlines(keepends=True)
                ]
            )
        )
    )
    with pytest.raises(PadlError, match=message):
        opened(spec, tmp_path)


def test_a_journal_that_cannot_be_read_again_is_refused(spec):
    with pytest.raises(PadlError, match="is no file that can be read again"):
        Search(OPTIONS._replace(storage="/dev/null"), [RATE], [], spec)


def test_nothing_to_search_is_refused(spec):
    with pytest.raises(PadlError, match="nothing to search"):
        Search(OPTIONS, [], [], spec)


def test_probes_are_one_setting_inside_and_one_at_each_end():
    inside, *ends = probes([RATE, Dimension("optimizer", options=("adam", "sgd"))])
    assert 1e-5 < inside["optimizer.learning_rate"] < 1
    assert [tuple(end.values()) for end in ends] == [
        (1e-5, "adam"), (1.0, "adam"), (inside["optimizer.learning_rate"], "adam"),
        (inside["optimizer.learning_rate"], "sgd"),
    ]  # fmt: skip


def test_the_search_needs_no_hydra():
    code = "import sys, padl.app.sweep.search; print('hydra' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
