"""`padl resume` on a command line: what it composes again of a sweep's command, and what it refuses."""

import pytest

from padl.cli.commands.resume import _with
from padl.runs import checked_json, lock


@pytest.fixture
def sweep(padl_command, tmp_path):
    quiet = ["progress=none", "wandb.mode=disabled", "run.plot=false", "devices=1"]
    words = ["-m", "seed=0,1", "model=linear", "steps=20", *quiet]
    code, _, err = padl_command("train", *words, f"run.dir={tmp_path / 'runs'}")
    assert (code, err) == (0, "")
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


def test_a_larger_grid_adds_members_and_says_what_had_ended(padl_command, sweep):
    code, out, _ = padl_command("resume", str(sweep), "seed=0,1,2", "progress=none", "wandb.mode=disabled")
    assert code == 0
    assert "2 runs had ended, not run again" in out
    assert len(list(sweep.glob("0*"))) == 3


def test_a_strangers_command_says_nothing_of_hydra_of_files_or_of_today(capsys):
    hostile = [
        "--config-dir=/theirs", "hydra.searchpath=[/theirs]", "+hydra.callbacks.x=y", "hydra/launcher=other",
        "compilation_cache=/theirs", "wandb.mode=online", "hydra.run.dir=/theirs",
    ]  # fmt: skip
    good = ["-m", "seed=0,1", "hydra/sweeper=padl_optuna", "hydra.sweeper.trials=4", "optimizer=adam"]
    kept = [word for word in good if not word.startswith("seed=")]
    assert _with(["padl", "train", *hostile, *good], ["seed=0,1,2"]) == [*kept, "seed=0,1,2"]
    err = capsys.readouterr().err
    assert all(word in err for word in hostile)


def test_mistakes_are_one_line(padl_command, sweep):
    for words, says in (
        ((), "takes the folder of one run or sweep"),
        ((str(sweep), "seed=7,8"), "has none of these runs"),
        ((str(sweep), "seed=1", "seed=2"), "gives one key twice"),
        ((str(sweep), "--allow", "all"), "no 'all' to allow"),
        ((str(next(iter(sweep.glob("0000*")))),), "is finished, after 20 steps"),
    ):
        code, out, err = padl_command("resume", *words)
        assert (code, out) == (2, ""), err
        assert says in err
    with lock.hold(sweep):  # another process has it
        before = (sweep / "results.csv").stat().st_mtime_ns
        code, _, err = padl_command("resume", str(sweep))
        assert (code, "is in use" in err) == (2, True)
        assert (sweep / "results.csv").stat().st_mtime_ns == before
    checked_json.write(sweep / "requests.json", checked_json.read(sweep / "requests.json") | {"members": 3})
    code, _, err = padl_command("resume", str(sweep))
    assert code == 2
    assert "does not list the members of a sweep" in err
