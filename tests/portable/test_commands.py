"""Each command once, in a process of its own."""

import pytest
from clean_process import python

pytestmark = pytest.mark.portable
TINY = ("steps=3", "model.widths=[4]", "progress=none")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def run_folder(home):
    """The folder that `padl train` leaves, as a word of a command."""
    python(home, "-m", "padl", "train", *TINY)
    (folder,) = (home / "runs").iterdir()
    return str(folder)


def test_train_leaves_what_the_readme_lists(run_folder, home):
    left = {path.name for path in (home / run_folder).iterdir()}
    assert left >= {
        "config.yaml", "env.json", "status.json", "metrics.jsonl", "summary.json", "curves.png", "checkpoint", "wandb"
    }  # fmt: skip


@pytest.mark.parametrize("command", ["evaluate", "backprop"])
def test_a_command_takes_the_folder_of_a_run(run_folder, home, command):
    done = python(home, "-m", "padl", command, run_folder)
    assert done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("words", [["rerun"], ["resume", "steps=5"]], ids=lambda words: words[0])
def test_a_command_trains_again_and_shows_how_far_it_is(run_folder, home, words):
    done = python(home, "-m", "padl", words[0], run_folder, *words[1:])
    assert "finished" in done.stdout
    assert all(line.startswith(("step ", "padl: ")) for line in done.stderr.splitlines()), done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--help"], "padl train"),
        (["--version"], "padl "),
        (["list", "optimizer"], "nadam"),
        (["show", "huber"], "huber"),
        (["show", "huber", "mse", "--plot", "losses.png"], "losses.png"),
        (["train", "--cfg", "job"], "optimizer:"),
        (["train", "-m", "seed=0,1", *TINY, "run.dir=sweeps"], "2 runs in 1 program"),
        (["compare", "surface=beale", "steps=4", "learning_rates=2", "animate=false", "run.dir=compared"], "adam"),
        (["backprop", "(x + y) * z", "x=-2", "y=5", "z=-4", "--steps", "--out", "circuit"], "-12"),
        (["backprop", "task=digits", "model.widths=[4]"], "head"),
    ],
    ids=lambda x: " ".join(x[:2]) if isinstance(x, list) else "",
)
def test_a_command_does_what_it_is_for(home, words, said):
    done = python(home, "-m", "padl", *words)
    assert said in done.stdout
    assert done.stderr == ""
