"""`padl rerun FOLDER KEY=VALUE`: the recorded run with other values, in the words of `padl train`."""

import json
import shutil

import pytest
import yaml

import padl

QUIET = ("progress=none", "wandb.mode=disabled", "run.plot=false")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    record = padl.train(
        "digits",
        model={"name": "mlp", "widths": [4]},
        epochs=1,
        steps_per_call=11,
        devices=1,
        run={"dir": str(tmp_path_factory.mktemp("made")), "plot": False},
        wandb={"mode": "disabled"},
    )
    return record.folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "runs" / made.name)


def config_of(folder):
    (new,) = [each for each in folder.parent.iterdir() if each != folder]
    return yaml.safe_load((new / "config.yaml").read_text())


def test_a_value_is_changed_said_and_all_else_is_as_it_was(folder, padl_command):
    code, out, err = padl_command("rerun", str(folder), "optimizer.learning_rate=0.02", "seed=3", *QUIET)
    assert code == 0
    assert err.splitlines() == ["padl: optimizer.learning_rate: 0.001 -> 0.02", "padl: seed: 0 -> 3"]
    assert "digits mlp adam, learning_rate=0.02, widths=[4], epochs=1, seed 3" in out
    then, now = yaml.safe_load((folder / "config.yaml").read_text()), config_of(folder)
    changed = {"seed": 3, "optimizer": {**then["optimizer"], "learning_rate": 0.02}}
    assert now == {**then, **changed, "run": now["run"], "wandb": now["wandb"], "progress": "none"}


def test_without_changes_it_is_the_same_run(folder, padl_command):
    assert padl_command("rerun", str(folder), "progress=none")[0] == 0
    (new,) = [each for each in folder.parent.iterdir() if each != folder]
    assert (new / "metrics.jsonl").read_text() == (folder / "metrics.jsonl").read_text()


def test_what_was_chosen_is_chosen_anew(folder, padl_command):
    code, _, err = padl_command("rerun", str(folder), "optimizer=gd", "steps=3", *QUIET)
    assert code == 0
    lines = err.splitlines()
    for line in ("optimizer.name: adam -> gd", "epochs: 1 -> null", "steps: 22 -> 3", "batch_size: 64 -> all"):
        assert f"padl: {line}" in lines
    assert config_of(folder)["batch_size"] == "all"


def test_another_task_brings_its_loss_and_the_model_that_both_bring_keeps_its_numbers(folder, padl_command):
    code, _, _ = padl_command("rerun", str(folder), "task=permeability", "steps=3", *QUIET)
    assert code == 0
    now = config_of(folder)
    assert (now["loss"]["name"], now["model"]["widths"]) == ("mse", [4])


def test_the_users_own_paths_are_opened_and_those_of_a_folder_are_not(folder, padl_command, tmp_path):
    outside = tmp_path.parent / f"{tmp_path.name}-table.csv"
    outside.write_text("a,b\n" + "".join(f"{i},{i * 2.5}\n" for i in range(30)))
    words = ("task=csv", f"task.path={outside}", "batch_size=4", "steps=2", *QUIET)
    assert padl_command("rerun", str(folder), *words)[0] == 0
    outside.unlink()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("stps=5", "no key 'stps'; did you mean 'steps'?"),
        ("learning_rate=0.1", "no key 'learning_rate'; did you mean 'optimizer.learning_rate'?"),
        ("optimizer.learning_rat=1", "optimizer 'adam' has no key 'optimizer.learning_rat'; did you mean"),
        ("optimizer=adm", "no optimizer 'adm'; did you mean 'adam'?"),
        ("seed=fast", "seed='fast' is not a whole number"),
        ("seed=1,2", "seed=1,2 gives several values, and padl rerun runs one"),
        ("-m seed=1", "padl rerun runs one: -m is for padl train"),
        ("seed", "'seed' is no KEY=VALUE"),
        ("~seed=1", "a recorded run has every key"),
        ("seed=[1", "seed=[1 cannot be read"),
        ("seed=1 seed=2", "seed is given twice"),
        ("experiment=cracks", "experiment= is for padl train"),
        ("hydra.run.dir=x", "hydra.run.dir= is for padl train"),
        ("seed=${x}", "a value stands for itself here"),
        ("sweep.curves=3", "sweep.curves is for padl train -m"),
        ("stop=3", "stop is a group of keys: stop.patience, stop.min_change"),
        ("loss=mse", "loss 'mse' does not fit the classification 'digits'"),
        ("run.name=a/b", "run.name='a/b' has '/'"),
    ],
)
def test_a_bad_word_is_one_line_and_nothing_is_written(folder, padl_command, words, message):
    code, out, err = padl_command("rerun", str(folder), *words.split())
    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]
    assert list(folder.parent.iterdir()) == [folder]


def test_a_folder_that_left_settings_open_is_run_again_as_it_was(folder, padl_command):
    file = folder / "config.yaml"
    old = yaml.safe_load(file.read_text()) | {"steps": None, "batch_size": None, "eval_every": None}
    file.write_text(yaml.safe_dump(old, sort_keys=False))
    (folder / "manifest.json").unlink()
    assert padl_command("rerun", str(folder), *QUIET)[0] == 0
    (new,) = [each for each in folder.parent.iterdir() if each != folder]
    assert (new / "metrics.jsonl").read_text() == (folder / "metrics.jsonl").read_text()
    assert json.loads((new / "summary.json").read_text())["batch_size"] == 64
