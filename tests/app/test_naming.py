"""What a run is called: by what of it is not as usual, the same from Python and from the command line; run.name."""

import json
import unicodedata

import pytest
import yaml

import padl
from padl.app.fingerprint import with_usual
from padl.app.naming import words_of
from padl.app.outputs import open_wandb
from padl.app.run_spec import check
from padl.runs.run_folder import as_file_name
from padl.types import PadlError

QUIET = {"wandb": {"mode": "disabled"}}
CASES = [
    ({}, "digits mlp adam, seed 0", "digits-adam"),
    ({"seed": 3, "steps": 2000, "batch_size": 64}, "digits mlp adam, seed 3", "digits-adam"),
    ({"sinks": ["csv"], "log_every": 7}, "digits mlp adam, seed 0", "digits-adam"),
    ({"loss": "hinge"}, "digits mlp adam, loss=hinge, seed 0", "digits-adam-loss_hinge"),
    ({"model": "linear"}, "digits linear adam, seed 0", "digits-linear-adam"),
    ({"optimizer": {"name": "adam", "learning_rate": 0.003}}, "digits mlp adam, learning_rate=0.003, seed 0",
     "digits-adam-learning_rate_0.003"),
    ({"model": {"name": "mlp", "widths": [8, 8]}}, "digits mlp adam, widths=[8,8], seed 0", "digits-adam-widths_8_8"),
    ({"epochs": 3}, "digits mlp adam, epochs=3, seed 0", "digits-adam-epochs_3"),
    ({"optimizer": "gd"}, "digits mlp gd, seed 0", "digits-gd"),
    ({"task": {"name": "surface", "surface": "valley"}}, "valley adam, seed 0", "surface-adam-surface_valley"),
    ({"run": {"name": "the baseline"}, "loss": "hinge"}, "the baseline: digits mlp adam, loss=hinge, seed 0",
     "the baseline"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "title", "label"), CASES, ids=[case[2] for case in CASES])
def test_a_run_is_called_by_what_is_not_as_usual(config, title, label):
    spec = check({**QUIET, **config})
    assert (spec.title, spec.label) == (title, label)


def test_a_key_whose_last_word_another_has_stands_whole():
    config = {"optimizer": {"name": "a", "decay": 0.5, "eps": 0.1}, "schedule": {"name": "b", "decay": 0.1}, "seed": 0}
    different = {"optimizer.decay": 0.5, "optimizer.eps": 0.1, "schedule": "b"}
    assert words_of(config, different, 80) == ["optimizer.decay=0.5", "eps=0.1", "schedule=b"]


def test_what_does_not_fit_is_counted():
    many = {
        "optimizer": {"name": "adam", "learning_rate": 0.003, "b1": 0.8, "b2": 0.95, "eps": 1e-6},
        "model": {"name": "mlp", "widths": [512] * 20, "dropout": 0.25},
        "clip_norm": 1.0,
        "ema": 0.99,
        "accumulate": 4,
    }
    spec = check({**QUIET, **many})
    assert spec.title.startswith("digits mlp adam, learning_rate=0.003, b1=0.8, ")
    assert len(spec.differences) == 9
    named = spec.title.count("=")
    assert f", +{9 - named} more, seed 0" in spec.title
    assert len(spec.title) < 130
    assert len(spec.label) < 100
    assert "_more" in spec.label


def test_from_python_and_from_the_command_line_a_run_has_the_same_names(padl_command, tmp_path):
    words = ["task=surface", "optimizer=momentum", "optimizer.learning_rate=0.004", "steps=3", "steps_per_call=3"]
    code, _, err = padl_command("train", *words, "wandb.mode=disabled", "progress=none")
    assert (code, err) == (0, "")
    optimizer = {"name": "momentum", "learning_rate": 0.004}
    run = {"dir": str(tmp_path / "runs")}
    padl.train("surface", optimizer=optimizer, steps=3, steps_per_call=3, run=run, wandb={"mode": "disabled"})
    folders = sorted((tmp_path / "runs").iterdir())
    titles = {(folder / "title.json").read_text() for folder in folders}
    assert {folder.name[16:-7] for folder in folders} == {"surface-momentum-learning_rate_0.004-steps_3"}
    assert len(titles) == 1
    assert json.loads(titles.pop())["title"] == "rosenbrock momentum, learning_rate=0.004, steps=3, seed 0"


def test_the_configuration_holds_what_was_used_and_can_be_used_again(tmp_path):
    spec = check(QUIET)
    assert {key: spec.config[key] for key in ("steps", "batch_size", "eval_every", "epochs")} == {
        "steps": 2000, "batch_size": 64, "eval_every": 100, "epochs": None,
    }  # fmt: skip
    assert spec.config["loss"]["name"] == "cross_entropy"
    assert check(spec.config).config == spec.config
    in_epochs = check({**QUIET, "epochs": 3})
    assert (in_epochs.config["epochs"], in_epochs.config["steps"]) == (3, 66)
    assert check(in_epochs.config).config == in_epochs.config
    assert check({**QUIET, "optimizer": "gd"}).config["batch_size"] == "all"
    with pytest.raises(PadlError, match="steps=67 and epochs=3 exclude each other"):
        check({**QUIET, "epochs": 3, "steps": 67})


def test_an_experiment_is_in_the_configuration_and_the_title(padl_command, tmp_path):
    code, out, err = padl_command(
        "train", "experiment=gradient_descent", "steps=2", "epochs=null", "devices=1", "wandb.mode=disabled",
        "progress=none", "run.plot=false", "run.save=false",
    )  # fmt: skip
    assert (code, err) == (0, "")
    (folder,) = (tmp_path / "runs").iterdir()
    assert yaml.safe_load((folder / "config.yaml").read_text())["experiment"] == "gradient_descent"
    assert "experiment=gradient_descent" in out
    with pytest.raises(PadlError, match="experiment= is for the command line"):
        padl.train(experiment="gradient_descent")


@pytest.mark.parametrize("name", ["", " x", "a/b", "a\\b", "x\n", "x" * 65, "a:b", "\x1b[2J"])
def test_a_name_that_no_folder_can_have_is_refused(name):
    with pytest.raises(PadlError, match=r"run\.name="):
        check({**QUIET, "run": {"name": name}})


def test_a_name_that_tells_a_secret_is_refused(monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "q8w7e6r5t4y3u2i1o0p9")
    with pytest.raises(PadlError, match=r"run\.name holds a secret"):
        check({**QUIET, "run": {"name": "x q8w7e6r5t4y3u2i1o0p9"}})


def test_a_sweep_is_named_once_and_its_members_keep_their_names(padl_command, tmp_path):
    words = ["-m", "task=surface", "seed=0,1", "steps=3", "run.name=pair", "wandb.mode=disabled", "progress=none"]
    code, out, _ = padl_command("train", *words, "run.plot=false")
    assert code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name[16:-7] == "sweep-pair"
    assert sorted(member.name for member in folder.glob("0*")) == ["0000-seed=0", "0001-seed=1"]
    assert "pair: rosenbrock adam, steps=3, ranked by" in out
    code, _, err = padl_command("train", "-m", "task=surface", "run.name=a,b", "steps=3", "wandb.mode=disabled")
    assert (code, "run.name is one for the whole sweep" in err) == (2, True)


def test_a_fingerprint_of_a_run_that_left_settings_open_is_that_of_the_run_that_says_what_was_used():
    spec = check({**QUIET, "epochs": 3})
    now = {key: str(spec.config[key]) for key in ("steps", "batch_size", "eval_every", "epochs")}
    then = {**now, "steps": "None", "batch_size": "None", "eval_every": "None"}
    completed = with_usual({"config": then, "code": {}}, spec)
    assert completed["config"].items() >= now.items()
    assert completed["code"] == {}
    edited = {**then, "batch_size": "32"}
    assert with_usual({"config": edited}, spec)["config"]["batch_size"] == "32"


def test_a_secret_is_in_no_title_and_in_no_name_of_a_folder(monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "q8w7e6r5t4y3u2i1o0p9")
    spec = check({**QUIET, "start": {"from": "runs/q8w7e6r5t4y3u2i1o0p9"}})
    assert "from=***" in spec.title
    assert "q8w7" not in spec.label + json.dumps(spec.files["title.json"]["words"])


def test_a_thing_from_python_is_called_by_its_label():
    def squared(predictions, targets):
        return (predictions - targets) ** 2

    spec = check({**QUIET, "task": "permeability", "loss": squared})
    assert (spec.title, spec.label) == ("permeability mlp adam, loss=squared, seed 0", "permeability-adam-loss_squared")


def test_a_label_of_many_bytes_still_fits_a_file_system():
    name = "模" * 64
    assert check({**QUIET, "run": {"name": name}}).label == name
    assert len(as_file_name(name).encode()) <= 100
    assert as_file_name(unicodedata.normalize("NFD", "größe")) == "größe"


def test_wandb_shows_the_name_that_was_given_and_members_of_a_sweep_keep_theirs(tmp_path):
    spec = check({"run": {"name": "base"}})
    assert open_wandb(spec, tmp_path)._options["name"] == "base"
    assert open_wandb(spec, tmp_path, group="a sweep")._options["name"] == tmp_path.name
    assert open_wandb(check({}), tmp_path)._options["name"] == tmp_path.name
