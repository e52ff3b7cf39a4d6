"""The command: dispatch, one line for a mistake, and no code of strangers on its way."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import padl

QUICK = ("steps=4", "wandb.mode=disabled", "progress=none", "devices=1", "run.save=false", "run.plot=false")


def test_a_traceback_is_shown_where_it_is_asked_for(padl_command, monkeypatch):
    monkeypatch.setenv("PADL_TRACEBACK", "1")
    with pytest.raises(padl.PadlError):
        padl_command("train", "optimizer=adm")


def test_the_folder_of_a_sweep_is_told_from_that_of_a_run(padl_command, tmp_path):
    for member in ("0001-seed=1", "0000-seed=0"):
        (tmp_path / "sweep" / member).mkdir(parents=True)
        (tmp_path / "sweep" / member / "config.yaml").write_text("")
    code, _, err = padl_command("evaluate", str(tmp_path / "sweep"))
    assert code == 2
    assert err.endswith(f": it holds runs, of which one is wanted, as {tmp_path / 'sweep' / '0000-seed=0'}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("trian", "no command 'trian'; did you mean 'train'?"),
        ("list optimisers", "no kind 'optimisers'; did you mean 'optimizers'?"),
        ("show adomw", "nothing is called 'adomw'; did you mean 'adamw'?"),
        ("show", "padl show takes one name"),
        ("evaluate", "padl evaluate takes the folder of one run"),
        ("evaluate nowhere", "nowhere is not the folder of a run: it is not there; 'padl runs' lists"),
        ("evaluate a b", "padl evaluate takes the folder of one run"),
        ("evaluate a --besst", "padl evaluate has no option '--besst'; did you mean '--best'?"),
        ("evaluate a --best=x", "padl evaluate: --best takes no value"),
        ("rerun", "padl rerun takes the folder of one run"),
        ("rerun a b", "padl rerun takes the folder of one run"),
        ("rerun --bset x", "padl rerun has no option '--bset'; it has --help"),
        ("rerun -x", "padl rerun has no option '-x'"),
        ("rerun nowhere", "nowhere is not the folder of a run"),
        ("runs ~nobody-of-this-name/runs", "~nobody-of-this-name/runs is not there"),
        ("runs " + 300 * "a", "File name too long"),
        ("runs a\x07", r"a\x07 is not there"),
        ("plot ~nobody-of-this-name/runs", "is no folder of a run: it is not there"),
        ("plot --otu x", "padl plot has no option '--otu'; did you mean '--out'?"),
        ("list --all", "padl list has no option '--all'"),
        ("show --polt f", "padl show has no option '--polt'; did you mean '--plot'?"),
        ("lst", "no command 'lst'; did you mean 'list'?"),
        ("help lst", "no command 'lst'; did you mean 'list'?"),
        ("compare -m seed=0,1", "padl compare runs all in one program"),
        ("\x1b[2J", r"no command '\x1b[2J'"),
        ("train \x1b[2J=1", r"\x1b[2J=1"),
        ("show a\x07", r"nothing is called 'a\x07'"),
        ("evaluate a\u202eb", r"a\u202eb is not the folder of a run"),
        ("evaluate " + 300 * "a", "is not the folder of a run: its config.yaml cannot be read (File name too long)"),
        ("resume " + 300 * "a", "is not the folder of a run: its config.yaml cannot be read (File name too long)"),
        ("train --stpes=5", "padl train has no option '--stpes'; a key is given as KEY=VALUE"),
        ("train --mutlirun seed=0,1", "padl train has no option '--mutlirun'; did you mean '--multirun'?"),
        ("train --config-name", "padl train: argument --config-name/-cn: expected one argument"),
        ("train --\x1b[2J", r"padl train has no option '--\x1b[2J'"),
        ("compare --\x1b[2J", r"padl compare has no option '--\x1b[2J'"),
        ("train run.dir='~nobody-of-this-name/runs'", "this machine knows no such user: give another run.dir"),
        ("train steps=1" + 400 * "0", "steps is too large a number"),
    ],
)
def test_other_commands_refuse_in_one_line_too(padl_command, words, message):
    code, out, err = padl_command(*words.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    "command", ["backprop", "evaluate", "rerun", "resume", "runs", "plot", "show", "list", "train", "compare"]
)
@pytest.mark.parametrize("word", ["", " "])
def test_an_empty_word_is_a_mistake(padl_command, command, word):
    code, out, err = padl_command(command, word)
    assert (code, out, err.count("\n")) == (2, "", 1), err


def test_a_formula_may_be_longer_than_a_files_name(padl_command):
    code, out, _ = padl_command("backprop", f"x * 1.{300 * '0'}", "x=3", "--out", "pictures")
    assert code == 0
    assert "x" in out


@pytest.mark.parametrize("words", ["train seed=3 --cfg job steps=7", "train --cfg job steps=7 seed=3"])
def test_options_may_stand_anywhere(padl_command, words):
    code, out, err = padl_command(*words.split())
    assert (code, err) == (0, "")
    assert "seed: 3" in out
    assert "steps: 7" in out


def test_a_name_with_a_secret_in_it_is_refused_by_each_command(padl_command, monkeypatch, tmp_path):
    monkeypatch.setenv("MY_TOKEN", "CANARYq7Zx93kfmVbT2wLd8Rs")
    for words in (
        ("train", "run.dir=CANARYq7Zx93kfmVbT2wLd8Rs"),
        ("compare", "surface=beale", "run.dir=CANARYq7Zx93kfmVbT2wLd8Rs"),
        ("backprop", "x", "x=1", "--out", "CANARYq7Zx93kfmVbT2wLd8Rs"),
    ):
        code, out, err = padl_command(*words)
        assert (code, out) == (2, ""), err
        assert "holds a secret of the environment, which a name tells: give another" in err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (OSError(errno.EFBIG, "File too large", "requests.json"), 2, "padl: requests.json: File too large\n"),
        (OSError(errno.EMFILE, "Too many open files", "x"), 2, "padl: x: Too many open files\n"),
        (MemoryError("no room"), 2, "padl: out of memory (no room): less data"),
    ],
)
@pytest.mark.parametrize("words", [("seed=0",), ("-m", "seed=0,1")])
def test_what_the_machine_refuses_in_a_run_is_no_mistake_of_the_configuration(
    padl_command, monkeypatch, words, error, code, line
):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr("padl.cli.commands.train.train", refuse)
    monkeypatch.setattr("padl.app.sweep.run.Sweep.launch", refuse)
    told = padl_command("train", *words)
    assert (told[0], told[2].startswith(line)) == (code, True), told[2]


def test_what_padl_itself_gets_wrong_in_a_sweep_is_not_called_the_users_mistake(padl_command, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a wrong line of code")

    monkeypatch.setattr("padl.app.sweep.run.Sweep.launch", broken)
    with pytest.raises(RuntimeError, match="a wrong line of code"):
        padl_command("train", "-m", "seed=0,1")


def test_ctrl_c_in_the_first_imports_is_no_traceback(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Presses:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'padl.cli.main': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Presses())\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(padl.__file__).parents[1])])}
    words = [sys.executable, "-m", "padl", "list"]
    done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-2, "", "")


def test_a_strangers_folder_is_not_run(tmp_path):
    for name in ("jax.py", "optax.py", "hydra_plugins/x.py", "plugins/y.py", "padl_plugin.py"):
        file = tmp_path / "folder" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("open('MARK', 'w').close()\nraise SystemExit(9)\n")
    words = [sys.executable, "-m", "padl", "list", "schedule"]
    done = subprocess.run(words, cwd=tmp_path / "folder", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "folder" / "MARK").exists()


def test_the_wheel_holds_conf_and_trains_from_any_folder(tmp_path):
    root = Path(__file__).parents[2]
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(root)]
    subprocess.run(build, check=True, capture_output=True)
    import zipfile

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    assert (tmp_path / "site" / "padl" / "conf" / "train.yaml").is_file()
    script = "import sys; from padl.cli.main import main; sys.exit(main(sys.argv[1:]))"
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    words = [sys.executable, "-c", script, "train", "experiment=gradient_descent", *QUICK]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "finished" in done.stdout


def test_every_command_is_a_module_with_run():
    import importlib

    from padl.cli.main import COMMANDS

    files = {file.stem for file in (Path(padl.__file__).parent / "cli" / "commands").glob("*.py")}
    assert files - {"__init__"} == set(COMMANDS)
    assert all(callable(importlib.import_module(f"padl.cli.commands.{name}").run) for name in COMMANDS)


def test_python_callers_import_neither_hydra_nor_the_command_line():
    script = (
        "import sys, padl\n"
        "padl.train(task='surface', optimizer='gd', steps=2)\n"
        "padl.sweep(task='surface', optimizer='gd', steps=2, over={'seed': [0, 1]})\n"
        "for name in padl.__all__: getattr(padl, name)\n"
        "assert not [m for m in sys.modules if m.startswith(('hydra', 'omegaconf', 'padl.cli'))]"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
