"""An offline W&B run read back: what it is called, what it holds, how it ended; and that what it holds can be used."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from asked_to_stop import After
from PIL import Image
from wandb_records import exit_code, logged, of_type

import padl
from padl.app import train
from padl.runs.wandb import Wandb

SHOWN = {
    "entity": "me",
    "project": "mine",
    "group": "g",
    "name": "a name",
    "job_type": "probe",
    "notes": "why",
    "id": "i1",
}
TINY = {"task": "surface", "steps": 20, "log_every": 5, "devices": 1}
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com")


def git(*words: str) -> str:
    return subprocess.run([*GIT, *words], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def logged_run(tmp_path_factory):
    """A run with every key of wandb, made in a repository that is not PADL's: (result, its commit)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("project"))
        git("init", "-q")
        git("remote", "add", "origin", "https://someone:CANARYPASSWORD@example.com/project.git")
        Path("model.py").write_text("")
        git("add", "model.py")
        git("commit", "-qm", "first")
        model = {"name": "mlp", "widths": [4]}
        result = padl.train(
            "digits", model, steps=20, devices=1, run={"dir": "runs"}, wandb={**SHOWN, "tags": ["t"], "artifacts": True}
        )
        return result, git("rev-parse", "HEAD")


def test_the_run_has_every_name_that_it_was_given(logged_run):
    (run,) = of_type(logged_run[0].wandb_folder, "run")
    names = {"group": "run_group", "name": "display_name", "id": "run_id"}
    assert {key: run[names.get(key, key)] for key in SHOWN} == SHOWN
    assert run["tags"] == ["t"]


def test_the_run_has_the_commit_of_the_users_repository_and_no_password(logged_run):
    result, commit = logged_run
    (run,) = of_type(result.wandb_folder, "run")
    assert run["git"] == {"commit": commit, "remote_url": "https://example.com/project.git"}
    assert not [f for f in result.folder.rglob("*") if f.is_file() and b"CANARY" in f.read_bytes()]


def test_the_configuration_is_that_of_the_run(logged_run):
    (run,) = of_type(logged_run[0].wandb_folder, "run")
    config = run["config"]["update"]
    assert (config["model"]["widths"], config["steps"], config["wandb"]["artifacts"]) == ([4], 20, True)


def test_the_curves_are_a_picture_of_the_run(logged_run):
    folder = logged_run[0].wandb_folder
    picture = folder / "files" / logged(folder)["curves.path"]
    assert picture.read_bytes() == (logged_run[0].folder / "curves.png").read_bytes()


def test_a_downloaded_artifact_is_a_folder_that_load_takes(logged_run, tmp_path):
    result, _ = logged_run
    (artifact,) = of_type(result.wandb_folder, "artifact")
    assert (artifact["name"], artifact["type"], artifact["aliases"]) == ("model-i1", "model", ["latest"])
    for entry in artifact["manifest"]["contents"]:  # as a download does
        target = tmp_path / "model-i1" / entry["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(entry["local_path"], target)
    rows = np.ones((3, 8, 8, 1), np.float32)
    for which, params in (("best", result.best_params), ("final", result.params)):
        loaded = padl.load(tmp_path / "model-i1", which)
        assert all(map(np.array_equal, loaded.params.values(), params.values()))
        assert np.asarray(loaded(rows)).shape == (3, 10)


def test_a_run_that_finished_has_exit_code_0_and_its_summary(logged_run):
    result, _ = logged_run
    assert exit_code(result.wandb_folder) == 0
    summary = {k: v for record in of_type(result.wandb_folder, "summary") for k, v in record["update"].items()}
    assert summary["best/accuracy"] == result.summary["best"]["accuracy"]


def test_a_run_without_the_key_has_no_artifact_and_one_that_diverged_exit_code_3(tmp_path):
    sgd = {"name": "sgd", "learning_rate": 1e6}
    result = padl.train(**TINY, optimizer=sgd, run={"dir": str(tmp_path), "plot": False}, wandb={"mode": "offline"})
    assert result.status == "diverged"
    assert exit_code(result.wandb_folder) == 3
    assert not of_type(result.wandb_folder, "artifact")


def test_a_run_that_a_signal_stopped_has_the_exit_code_of_the_command(tmp_path):
    wandb = {"mode": "offline", "artifacts": True}
    config = {**TINY, "steps": 500, "run": {"dir": str(tmp_path)}, "wandb": wandb, "progress": "none"}
    result = train.run(config, ["padl", "train"], After(3))
    assert result.status == "interrupted"
    assert exit_code(result.wandb_folder) == 75
    assert "curves.path" not in logged(result.wandb_folder)
    assert not of_type(result.wandb_folder, "artifact")  # its files are written anew when it goes on


@pytest.mark.parametrize(
    ("summary", "code"),
    [
        ({"status": "failed", "reason": "OSError: no room"}, 1),
        ({"status": "interrupted", "reason": "SIGINT"}, 130),
        ({"status": "interrupted", "reason": "KeyboardInterrupt"}, 130),
        (None, 1),
    ],
)
def test_how_a_run_ended_is_its_exit_code(tmp_path, summary, code):
    run = Wandb(tmp_path, mode="offline", project="p", config={})
    run.write(1, {"loss": 1.0})
    if summary:
        run.close(summary)
    run.finish()
    run.wait()
    assert exit_code(tmp_path) == code


def test_what_wandb_does_not_take_costs_a_line_and_nothing_else(tmp_path, capfd):
    (tmp_path / "curves.png").write_text("no picture")
    run = Wandb(tmp_path, mode="offline", project="p", config={})
    run.write(1, {"loss": 1.0})
    run.image("curves", tmp_path / "curves.png")
    run.model({"a": tmp_path / "none"}, {})
    run.close({"status": "finished"})
    run.finish()
    run.wait()
    said = [line for line in capfd.readouterr().err.splitlines() if "W&B did not take the" in line]
    assert [line.split(" (")[0].rpartition("take the ")[2] for line in said] == [
        "image curves",
        f"artifact model-{run.run_id}",
    ]
    assert exit_code(tmp_path) == 0


def test_wandb_takes_a_picture_by_a_path_below_the_current_folder(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (2, 2)).save("curves.png")
    run = Wandb(tmp_path, mode="offline", project="p", config={})
    run.image("curves", Path("curves.png"))
    run.close({"status": "finished"})
    run.finish()
    run.wait()
    assert "did not take" not in capfd.readouterr().err


@pytest.fixture(scope="module")
def large_sweep(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("runs"))
    over = {"optimizer": ["adam", {"name": "sgd", "learning_rate": 1e-4}], "seed": [0, 1]}
    wandb = {"mode": "offline", "max_runs": 3, "id": "s1", "artifacts": True}
    return padl.sweep("surface", over=over, steps=4, run={"dir": folder}, wandb=wandb)


def test_a_sweep_of_many_members_has_one_run_with_what_they_share_and_what_is_swept(large_sweep):
    (run,) = of_type(large_sweep.folder, "run")
    config = run["config"]["update"]
    assert (run["run_id"], run["job_type"], run["run_group"]) == ("s1", "sweep", large_sweep.folder.name)
    assert config["task"]["name"] == "surface"
    assert (config["steps"], config["members"]) == (4, 4)
    assert config["swept"] == {"optimizer": ["adam", {"name": "sgd", "learning_rate": 1e-4}], "seed": [0, 1]}
    assert (config["optimizer"], config["seed"]) == (None, None)


def test_the_run_of_a_sweep_has_its_table_its_pictures_and_the_best_members_model(large_sweep):
    items = logged(large_sweep.folder)
    assert items["results.nrows"] == 4
    pictures = {file.stem for file in large_sweep.folder.glob("*.png")}
    assert pictures
    pictures |= {f"curves/{file.parent.name}" for file in large_sweep.folder.glob("*/curves.png")}
    assert pictures == {name.removesuffix("._type") for name, kind in items.items() if kind == "image-file"}
    (model,) = [artifact for artifact in of_type(large_sweep.folder, "artifact") if artifact["type"] == "model"]
    best = min(large_sweep.rows, key=lambda row: row["objective"])["folder"]
    assert {Path(entry["local_path"]).parts[-3:-1][0] for entry in model["manifest"]["contents"]} >= {best}
    assert exit_code(large_sweep.folder) == 0


def test_members_of_a_small_sweep_have_a_run_each_and_the_sweep_one_for_its_results(tmp_path):
    swept = padl.sweep("surface", over={"seed": [0, 1]}, steps=4, run={"dir": str(tmp_path)}, wandb={"mode": "offline"})
    members = [of_type(folder, "run")[0] for folder in sorted(swept.folder.glob("0*"))]
    (own,) = of_type(swept.folder / "wandb", "run")
    assert [run["config"]["update"]["seed"] for run in members] == [0, 1]
    assert {run["run_group"] for run in [*members, own]} == {swept.folder.name}
    assert [run.get("job_type", "") for run in [*members, own]] == ["", "", "sweep"]
    assert [exit_code(folder) for folder in sorted(swept.folder.glob("0*"))] == [0, 0]
    items = logged(swept.folder / "wandb")
    assert "results.path" in items
    for member in sorted(swept.folder.glob("0*")):
        picture = own_folder(swept.folder) / "files" / items[f"curves/{member.name}.path"]
        assert picture.read_bytes() == (member / "curves.png").read_bytes()


def own_folder(sweep):
    (folder,) = (sweep / "wandb").glob("offline-run-*")
    return folder


def test_one_id_for_several_runs_is_refused_before_any(tmp_path):
    with pytest.raises(padl.PadlError, match=r"wandb\.id=x is one W&B run, and each of the 2 members has its own"):
        padl.sweep("surface", over={"seed": [0, 1]}, steps=4, run={"dir": str(tmp_path)}, wandb={"id": "x"})
    assert not list(tmp_path.iterdir())
