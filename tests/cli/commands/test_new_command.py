"""`padl new`: what it writes works as it is, is what a plugin of its kind is, and its next steps run as printed."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from markdown_blocks import ROOT

import padl
from padl import registry
from padl.app.new_plugin import DROP_INS, STEPS, new_drop_in, new_package
from padl.drop_ins import import_file, origin_of

QUIET = ["wandb.mode=disabled", "progress=none", "devices=1", "run.plot=false"]
SHORT = {
    "train": ["steps=2", "epochs=null", *QUIET],
    "compare": ["steps=20", "learning_rates=2", "animate=false", "run.plot=false"],
}  # words that make a command short
NAMES = {kind: f"fresh_{kind}" for kind in (*DROP_INS, "package")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a drop-in of each kind and a package, as they are written; the drop-ins are loaded."""
    padl.names("optimizer")
    before = {kind: dict(r._entries) for kind, r in registry.REGISTRIES.items()}
    folder = tmp_path_factory.mktemp("fresh")
    new_package(NAMES["package"], folder)
    for kind in DROP_INS:
        file = new_drop_in(kind, NAMES[kind], folder).files[0]
        with registry.origin(origin_of(file)):
            import_file(file)
    yield folder
    for kind, entries in before.items():
        registry.REGISTRIES[kind]._entries = entries


def run(*words: str, paths: list[Path], folder: Path) -> str:
    """What a Python command prints, in a folder, with these folders to import from."""
    places = os.pathsep.join(map(str, paths))
    kept = {name: value for name, value in os.environ.items() if name != "PADL_PLUGINS"}
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env={**kept, "PYTHONPATH": places}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_packages_are_installed_and_found_and_every_test_that_was_written_passes(folder, tmp_path):
    worked, site = ROOT / "plugins" / "example_package", tmp_path / "site"
    install = ["pip", "install", "--no-build-isolation", "--no-deps", "--no-index", "--quiet", "--target", str(site)]
    run(*install, str(folder / NAMES["package"]), str(worked), paths=[], folder=tmp_path)
    code = "-q", "-p", "no:cacheprovider", "-W", "error", str(folder), str(worked)
    assert " passed" in run("pytest", *code, paths=[site, ROOT], folder=folder)
    listed = run("padl", "list", "optimizer", paths=[site, ROOT], folder=tmp_path)
    assert NAMES["package"] in listed
    assert "addsign" in listed
    assert "broken" not in listed


def test_the_workflow_of_a_package_installs_tests_and_checks_it_and_its_badge_is_of_it(folder):
    package = folder / NAMES["package"]
    (job,) = yaml.safe_load((package / ".github" / "workflows" / "tests.yml").read_text())["jobs"].values()
    check = f"padl check {NAMES['package']} --oracle tests/test_{NAMES['package']}.py"
    assert [step["run"] for step in job["steps"] if "run" in step] == ["pip install -e '.[test]'", "pytest", check]
    assert {step["with"]["python-version"] for step in job["steps"] if "with" in step} == {"${{ matrix.python }}"}
    assert "(../../actions/workflows/tests.yml/badge.svg)" in (package / "README.md").read_text()


@pytest.mark.parametrize(("place", "but"), [(".", NAMES["package"]), (NAMES["package"], "nothing")])
def test_what_is_written_keeps_the_rules_of_a_linter(folder, place, but):
    rules = ["--isolated", "--line-length", "120", "--exclude", but]
    for words in (["check", "--no-cache", *rules, "--select", "E,F,I,B,UP,SIM,C4,PERF"], ["format", "--diff", *rules]):
        done = subprocess.run(["ruff", *words, "."], cwd=folder / place, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


PADL_STEPS = [(kind, step) for kind, steps in STEPS.items() for step in steps]


@pytest.mark.parametrize(("kind", "step"), PADL_STEPS)
def test_a_next_step_runs_as_it_is_printed(folder, padl_command, kind, step):
    _, command, *words = shlex.split(step.replace("$name", NAMES[kind]))
    code, out, err = padl_command(command, *words, *SHORT.get(command, []))
    assert (code, err) == (0, "")
    assert out


@pytest.mark.parametrize("kind", DROP_INS)
def test_a_check_of_what_is_written_finds_nothing(folder, padl_command, kind):
    assert padl_command("check", str(folder / f"{NAMES[kind]}.py"))[0] == 0


def test_a_sweep_over_the_numbers_of_the_optimizer_is_one_program(folder, tmp_path):
    over = {"optimizer.learning_rate": [1e-3, 1e-2], "optimizer.scale": [0.01, 0.1], "optimizer.momentum": [0.5, 0.9]}
    run = {"dir": str(tmp_path), "plot": False}
    results = padl.sweep(task="surface", optimizer=NAMES["optimizer"], over=over, steps=2, devices=1, run=run)
    assert len(results.rows) == 8
    assert len({row["final/loss"] for row in results.rows}) == 8
    (summary,) = tmp_path.rglob("sweep.json")
    assert len(json.loads(summary.read_text())["programs"]) == 1
    assert np.isfinite([row["final/loss"] for row in results.rows]).all()


def test_the_steps_say_where_plugins_are_found_unless_they_are(padl_command, tmp_path, monkeypatch):
    (tmp_path / "own rules").mkdir()
    out = padl_command("new", "optimizer", "first_rule", "--into", "own rules")[1]
    assert out.splitlines()[:2] == ["wrote own rules/first_rule.py", "wrote own rules/test_first_rule.py"]
    assert f"  export PADL_PLUGINS='{tmp_path / 'own rules'}'\n" in out
    check = "padl check 'own rules/first_rule.py' --oracle 'own rules/test_first_rule.py'"
    assert f"  {check}\n  pytest 'own rules/test_first_rule.py'\n" in out
    package = padl_command("new", "package", "first_package", "--into", "own rules")[1]
    assert "  pip install -e 'own rules/first_package[test]'\n  pytest 'own rules/first_package'\n" in package
    assert "  padl check first_package --oracle 'own rules/first_package/tests/test_first_package.py'\n" in package
    monkeypatch.setenv("PADL_PLUGINS", str(tmp_path / "own rules"))
    assert "export" not in padl_command("new", "optimizer", "second_rule", "--into", "own rules")[1]
    export = f"export PADL_PLUGINS={tmp_path}" + '"${PADL_PLUGINS:+:$PADL_PLUGINS}"'
    assert export in padl_command("new", "optimizer", "third_rule")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optimizer", "adam"], "optimizer 'adam' is there already, from padl: take another name"),
        (["objective", "digits"], "task 'digits' is there already"),
        (
            ["optimizer", "My-Rule"],
            "'My-Rule' cannot be a name: letters, digits and _, a letter first; say my_rule",
        ),
        (["loss", "lambda"], "'lambda' cannot be a name"),
        (["loss", "größe"], "'größe' cannot be a name"),
        (
            ["model", "../escape"],
            "'../escape' cannot be a name: letters, digits and _, a letter first; say escape",
        ),
        (["optimizer", "NaN"], "optimizer=NaN means something else; say my_NaN"),
        (["loss", "auto"], "loss=auto means something else"),
        (["optimizer", "test_rule"], "test_rule.py would be taken for a file of pytest's"),
        (["schedule", "random"], "'random' is the name of an installed module"),
        (["package", "optax"], "'optax' is the name of an installed module"),
        (["optimizer", "leafwise"], "what is written has a part called 'leafwise' itself"),
        (
            ["optimiser", "mine"],
            "padl new knows no 'optimiser'; did you mean 'optimizer'? (it writes: optimizer, loss,",
        ),
        (["optimizer", "mine", "--into", "nowhere"], "there is no folder nowhere to write into"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line_and_nothing_is_left(padl_command, tmp_path, words, message):
    code, out, err = padl_command("new", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["own_rule.py", "test_own_rule.py"])
def test_no_file_is_written_over(padl_command, tmp_path, there):
    (tmp_path / there).write_text("mine")
    code, _, err = padl_command("new", "optimizer", "own_rule")
    assert (code, err) == (
        2,
        f"padl: {there} is there already: nothing is written over it; take another name, or remove it\n",
    )
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(there, "mine")]
