"""The search as plain Python: trials in batches over a function, without Hydra and without output."""

import math
import subprocess
import sys

import pytest

from padl.app.run_spec import check
from padl.app.sweep.optuna_study import SearchOptions
from padl.app.sweep.search import Search
from padl.app.sweep.search_space import Dimension, probes
from padl.types import PadlError

OPTIONS = SearchOptions(sampler="random", trials=5, batch=2, seed=0, storage=None, study="padl")
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
    assert [trial.state.name for trial in search.study.trials] == ["FAIL"] * 2


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
