"""Help: each command says what it takes, at once, without importing jax; the general page is the table of commands."""

import subprocess
import sys

import pytest

from padl.cli.main import COMMANDS, main

BY_HYDRA = ("train", "compare")
BY_ARGPARSE = [name for name in COMMANDS if name not in BY_HYDRA]
PAGES = [["--help"], ["-h"], ["help"], [], ["--version"], *([name, "--help"] for name in BY_ARGPARSE)]


@pytest.mark.parametrize("words", PAGES, ids=" ".join)
def test_help_and_version_do_not_import_jax(words):
    script = (
        "import sys\nfrom padl.cli.main import main\n"
        f"try: code = main({words})\nexcept SystemExit as stop: code = stop.code\n"
        "assert 'jax' not in sys.modules and 'numpy' not in sys.modules\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "padl" in done.stdout


def test_the_general_page_is_the_table_of_commands(padl_command):
    code, out, err = padl_command("--help")
    assert (code, err) == (0, "")
    assert out == padl_command("help")[1] == padl_command()[1]
    for name, line in COMMANDS.items():
        assert any(words.split(maxsplit=2) == ["padl", name, line] for words in out.splitlines())


@pytest.mark.parametrize("words", [("NAME", "--help"), ("help", "NAME"), ("x", "-h"), ("--help", "--bset")])
@pytest.mark.parametrize("name", BY_ARGPARSE)
def test_the_help_of_a_command_says_what_it_takes_and_gives_examples(capsys, name, words):
    line = [name if word == "NAME" else word for word in words]
    with pytest.raises(SystemExit) as stop:
        main(line if name in line else [name, *line])
    out, err = capsys.readouterr()
    assert (stop.value.code, err) == (0, "")
    assert out.startswith(f"usage: padl {name} ")
    for part in ("\npositional arguments:\n", "\noptions:\n  -h, --help", f"\nexamples:\n  padl {name}"):
        assert part in out


@pytest.mark.parametrize("name", BY_HYDRA)
def test_the_help_of_training_and_comparing_is_hydras(capsys, name):
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    out = capsys.readouterr().out
    assert f"padl {name}" in out
    assert "Powered by Hydra" in out


def test_help_fits_into_eighty_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for name in BY_ARGPARSE:
        with pytest.raises(SystemExit):
            main([name, "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
