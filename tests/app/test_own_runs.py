"""A run of things from Python is saved, loaded, evaluated and resumed as one of names, the things given again."""

import shutil
from contextlib import suppress

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from asked_to_stop import After
from own_things import NUMBERS, Net, X

import padl
from padl.app import train
from padl.app.fingerprint import DifferentRun
from padl.app.objects import labelled, shown_value
from padl.app.stopping import Stopped
from padl.app.sweep import results
from padl.app.sweep.members import Requested
from padl.app.sweep.run import Sweep
from padl.runs import run_folder
from padl.types import PadlError


def bounded(predictions, targets, *, width=1.0):
    return (1 - jnp.exp(-(((predictions - targets) / width) ** 2))).mean()


ADAMW = {"name": optax.adamw, "learning_rate": 0.01}
THINGS = {"task": NUMBERS, "model": Net, "loss": bounded, "optimizer": ADAMW, "schedule": lambda f: 1 - f}
AGAIN = {**THINGS, "optimizer": optax.adamw}
SHORT = {"steps": 20, "steps_per_call": 5, "eval_every": 10, "log_every": 5, "ema": 0.9, "accumulate": 2, "devices": 1}
QUIET = {"progress": "none", "wandb": {"mode": "disabled"}}


def run(folder, looks=10**9):
    config = {**THINGS, **SHORT, **QUIET, "run": {"dir": str(folder), "plot": False}}
    return train.run(config, [], After(looks))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    return run(tmp_path_factory.mktemp("stopped"), looks=2)


@pytest.fixture
def copy(stopped, tmp_path):
    return shutil.copytree(stopped.folder, tmp_path / "run")


def same(one, other):
    return jax.tree.all(jax.tree.map(lambda a, b: bool((np.asarray(a) == np.asarray(b)).all()), one, other))


def test_a_run_that_was_stopped_and_is_given_its_things_again_is_the_one_that_never_stopped_to_the_bit(whole, copy):
    resumed = padl.resume(copy, **AGAIN)
    assert same(resumed.params, whole.params)
    assert same(resumed.best_params, whole.best_params)
    assert resumed.summary["final"] == whole.summary["final"]


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": lambda predictions, targets, *, width=1.0: jnp.abs(predictions - targets).mean()},
        {"schedule": lambda fraction: 1 - fraction**2},
        {"optimizer": optax.adam},
        {"model": lambda inputs, outputs, hidden=4, rate=0.5, *, rngs: Net(inputs, outputs, hidden, rate, rngs=rngs)},
    ],
)
def test_a_run_does_not_go_on_with_another_thing_than_it_began_with(copy, changes):
    with pytest.raises((DifferentRun, PadlError)) as error:
        padl.resume(copy, **{**AGAIN, **changes})
    assert "\n" not in str(error.value)


def test_a_run_does_not_go_on_with_other_rows_or_without_its_things(copy):
    with pytest.raises(DifferentRun, match="data"):
        padl.resume(copy, **{**AGAIN, "task": padl.tasks.arrays(2 * X, NUMBERS.rows["targets"])})
    with pytest.raises(PadlError, match="its model 'Net' came from Python"):
        padl.resume(copy, **{**AGAIN, "model": None})


def test_the_model_of_a_record_is_the_one_that_is_loaded_and_evaluates_to_what_the_run_wrote(whole, capfd):
    loaded = padl.load(whole.folder, model=Net)
    assert (loaded(X) == whole.model(X)).all()
    evaluated = padl.evaluate(whole.folder, task=NUMBERS, model=Net, loss=bounded)
    assert evaluated == pytest.approx(whole.summary["final"], rel=1e-6)
    assert "not the one" not in capfd.readouterr().err


def test_another_class_that_fits_is_loaded_with_a_line(whole, capfd):
    class Other(Net):
        pass

    padl.load(whole.folder, model=Other)
    assert "this model is not the one that it was trained with" in capfd.readouterr().err


def test_the_folder_has_labels_hyperparameters_and_sources_and_no_folder_lies_elsewhere(whole, tmp_path):
    config = run_folder.parse_config((whole.folder / "config.yaml").read_bytes(), whole.folder / "config.yaml")
    assert config["model"] == {"name": "Net", "from": "python", "hidden": 4, "rate": 0.5}
    assert config["loss"] == {"name": "bounded", "from": "python", "width": 1.0}
    described = run_folder.read_json(whole.folder / "python.json")
    assert "exp(-(((predictions" in described["loss"]["source"]
    odd = padl.tasks.objective(init=lambda k: {"w": jnp.ones(2)}, loss=lambda p, b, k: (p["w"] ** 2).sum())
    place = {"dir": str(tmp_path), "plot": False}
    record = padl.train(task={"name": odd, "label": "../../a b"}, steps=2, devices=1, run=place)
    assert record.folder.parent == tmp_path


def test_another_run_begins_with_the_parameters_of_one_of_ones_own_class(whole, tmp_path):
    record = padl.train(**{**THINGS, **SHORT, "steps": 5}, start={"from": str(whole.folder)})
    assert record.summary["status"] == "finished"
    with pytest.raises(PadlError, match=r"start\.from: .*its model 'Net' came from Python"):
        padl.train(**{**THINGS, **SHORT, "model": "linear"}, start={"from": str(whole.folder)})


SGD, SLOWER = optax.sgd(0.1), optax.sgd(0.05)


def launched(folder, parts, looks=10**9):
    """A sweep over optimizers and two seeds, asked to stop after so many looks: it, and its table."""
    made = Sweep([], stop=After(looks), report=results.write_tables)
    base = {
        "task": NUMBERS,
        "model": "linear",
        **SHORT,
        **QUIET,
        "run": {"dir": str(folder), "plot": False, "save_every": 5},
    }
    requests = [
        Requested([], {"optimizer": shown_value(part), "seed": seed}, {**base, "optimizer": part, "seed": seed})
        for part in labelled("optimizer", parts)
        for seed in (0, 1)
    ]
    with suppress(Stopped):
        made.launch(requests)
    return made, results.finish(made)


def test_a_sweep_that_was_stopped_goes_on_with_its_things_by_their_labels_and_says_which_it_needs(tmp_path):
    never, whole = launched(tmp_path / "never", [SGD, SLOWER])
    _, part = launched(tmp_path / "some", [SGD, SLOWER], looks=3)
    assert [row["status"] for row in part.rows] != ["finished"] * 4
    assert [program["members"] for program in never.programs] == [2, 2]
    with pytest.raises(PadlError, match=r"padl\.resume\(FOLDER, optimizer=\[\.\.\.\], task=\.\.\.\)") as error:
        padl.resume(part.folder)
    assert "\n" not in str(error.value)
    with pytest.raises(DifferentRun, match="plugins"):
        padl.resume(part.folder, task=NUMBERS, optimizer=[SLOWER, SGD])
    resumed = padl.resume(part.folder, task=NUMBERS, optimizer=[SGD, SLOWER])
    assert [row["status"] for row in resumed.rows] == ["finished"] * 4
    assert [row["final/loss"] for row in resumed.rows] == [row["final/loss"] for row in whole.rows]


def test_a_sweep_over_the_learning_rates_of_an_optax_function_is_one_program(tmp_path):
    rates = [{"name": optax.lion, "learning_rate": rate, "label": f"lion {rate}"} for rate in (0.01, 0.1)]
    made, table = launched(tmp_path, rates)
    assert len(made.programs) == 1
    assert len({row["final/loss"] for row in table.rows}) == 4
