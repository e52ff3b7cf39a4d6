"""README and docs are true: their commands and their Python run, their links lead somewhere, their tables are complete.

A page that is added is found. A block ```csv title="table.csv" is a file that the page's commands find. A run folder
that a command names, as runs/20260131-120000-digits-adam-3f2a1c, is there. Settings behind a command make it short.
"""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from asked_to_stop import After
from markdown_blocks import ROOT, blocks, commands, links, pages, python, run_python, text_of, write_files
from PIL import Image

import padl
from padl.app import names, train
from padl.cli.main import main
from padl.types import KINDS

NOT_RUN = {
    "pip install ": ".ci/run installs",
    "python3 -m venv ": ".ci/run makes one",
    "source ": "of that environment",
    "pytest": "it runs this",
    "export PADL_PLUGINS=": "a variable of the shell",
    "zensical ": ".ci/run builds the site",
}  # the beginning of a command: the reason
LANGUAGES = {"", "bash", "python", "text", "csv", "yaml", "toml", "json"}
QUIET = ["wandb.mode=disabled", "progress=none", "devices=1", "run.plot=false"]
FEW = ["steps=20", "epochs=null"]
SMALL = {
    "+sweep=lecture_optimizers": ["optimizer=gd,adam"],  # each of the others is a program to compile
    "+sweep=momentum_valley": ["optimizer.momentum=0,0.9"],
    "hydra/sweeper=padl_optuna": ["hydra.sweeper.trials=3"],
    "experiment=cracks": ["model.channels=[4]", "task.rows=64"],
    "experiment=digit_lines": ["model.widths=[8]"],
    "task=image_folder": ["model=linear", "task.size=8"],
    "surface=network": ["rows=32"],
}  # a word of a command: the words that make it short
TELLS = ("csv", "resume", "predict", "rerun", "evaluate", "start.from")  # of these, lines on standard error are due
RUN_FOLDER = re.compile(r"runs/(\d{8}-\d{6}-[\w-]+)")
SETTINGS_OF_A_PAGE = {"docs/from_python.md": r"steps=(100|200)\b"}  # longer ones are what its results are of
OF_OTHER_TESTS = {f"docs/{name}.md" for name in ("logging", "stopping", "debugging", "runs")}  # of test_*_page*.py
OF_OTHER_TESTS |= {"plugins/README.md"}  # of test_ten_minutes.py
PAGES = [page for page in pages() if page not in OF_OTHER_TESTS]
COMMANDS = {c: page for page in reversed(PAGES) for c in commands(page) if c.startswith("padl ")}  # each once

pytestmark = pytest.mark.usefixtures("names_are_forgotten")  # pages register some, each for itself


def make_run(folder: Path) -> Path:
    """Train a run that is stopped before its end."""
    quiet = {"wandb": {"mode": "disabled"}, "progress": "none", "run": {"dir": str(folder), "plot": False}}
    config = {
        "task": "digits",
        "optimizer": "adam",
        "model": "mlp",
        "steps": 150,
        "log_every": 5,
        "devices": 1,
        **quiet,
    }
    return train.run(config, ["padl", "train"], After(3)).folder


def make_sweep(folder: Path) -> Path:
    assert main(["train", "-m", "seed=0,1", "steps=150", *QUIET, f"run.dir={folder}"]) == 0
    return next(folder.glob("*sweep*"))


def make_table_run(folder: Path) -> Path:
    """Train on the table of the page on data, by its first command."""
    write_files("docs/data.md", folder)
    words = shlex.split(commands("docs/data.md")[0].replace("houses.csv", str(folder / "houses.csv")))
    assert main([*words[1:], "steps=5", *QUIET, f"run.dir={folder}"]) == 0
    return next(folder.glob("*-csv-*"))


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Return a function that gives the folder of a run, of a sweep or of a run on a table; each is made once."""
    folders = {}

    def folder_like(name: str) -> Path:
        maker = make_sweep if "-sweep-" in name else make_table_run if "-csv-" in name else make_run
        if maker not in folders:
            folders[maker] = maker(tmp_path_factory.mktemp("made"))
        return folders[maker]

    return folder_like


def prepare(page: str, text: str, folder: Path, made) -> None:
    """Lay the files of a page and the run folders that a text names into a folder."""
    write_files(page, folder)
    example = ["20260131-120000-digits-adam-3f2a1c"] if re.search(r" runs( |$)", text) else []  # of all runs
    for name in dict.fromkeys([*example, *RUN_FOLDER.findall(text)]):
        shutil.copytree(made(name), folder / "runs" / name)


def short(command: str) -> list[str]:
    """Return the words of a command behind `padl`, with those that make it short."""
    _, name, *words = shlex.split(command)
    small = [word for key, more in SMALL.items() if key in words for word in more]
    if name == "train" and "--cfg" not in words:
        two = (re.sub(r"^seed=range\(0,\d+\)$", "seed=range(0,2)", word) for word in words)
        return [name, *two, *QUIET, *FEW, *small]
    if name == "compare" and "--cfg" not in words:
        return [name, *words, "steps=40", "learning_rates=3", "animate=false", "run.plot=false"]
    return [name, *words]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_a_page_runs(padl_command, tmp_path, made, command):
    prepare(COMMANDS[command], command, tmp_path, made)
    code, out, err = padl_command(*short(command))
    assert code == 0, err
    assert out or "predict" in command
    if not any(word in command for word in TELLS):
        assert err == ""


@pytest.mark.parametrize("page", [page for page in PAGES if python(page)])
def test_the_python_of_a_page_runs(tmp_path, made, page):
    prepare(page, python(page), tmp_path, made)
    if page == "docs/data.md":  # its Python reads the newest run on a table
        shutil.copytree(made("-csv-"), tmp_path / "runs" / made("-csv-").name)
    code = re.sub(SETTINGS_OF_A_PAGE.get(page, r"steps=\d{3,}\b"), "steps=100", python(page))
    code = re.sub(r"padl\.(train|sweep)\(", r"padl.\1(devices=1, ", code)
    CHECKS.get(page, lambda variables: None)(run_python(code, page))


def check_from_python(page):
    """Its three objectives come to what it says."""
    assert page["walks"].landscape.minima[0] == pytest.approx((1.0, -2.0), abs=1e-2)
    assert [row["model"] for row in page["found"].rows] == ["linear", "linear", "small hidden=4", "small hidden=4"]
    assert page["equation"].summary["final"]["error"] < 0.002  # of 5 seeds the largest is 0.00065
    assert page["duel"].summary["final"]["distance"] < 0.5  # of 5 seeds the largest is 0.30; untrained 1.65
    assert page["policy"].summary["final"]["regret"] < 0.003  # of 5 seeds the largest is 0.0012


def check_data(page):
    assert page["found"].columns["predicted_price"].shape == (2,)
    assert "column 'city' has 'Bonn', and no training row has: all zeros" in "".join(page["found"].notes)


CHECKS = {"docs/from_python.md": check_from_python, "docs/data.md": check_data}


def test_the_page_on_data_says_what_its_first_command_prints(padl_command, tmp_path, made):
    prepare("docs/data.md", "", tmp_path, made)
    words = [word for word in short(commands("docs/data.md")[0]) if word != "progress=none"]
    err = padl_command(*words, "progress=plain")[2]
    (printed,) = [block.code for block in blocks("docs/data.md") if block.language == "text"]
    assert err.replace("padl: ", "").startswith(printed)


def test_the_commands_for_own_data_that_stand_in_a_text_run(padl_command, tmp_path):
    (tmp_path / "table.csv").write_text("size,price\n" + "".join(f"{i},{2.5 * i}\n" for i in range(30)))
    draw = np.random.default_rng(0)
    for name, rows in {"inputs": draw.standard_normal((30, 4)), "targets": np.arange(30) % 3}.items():
        (tmp_path / "arrays").mkdir(exist_ok=True)
        np.save(tmp_path / "arrays" / f"{name}.npy", rows)
    for i in range(12):
        file = tmp_path / "photos" / ("cat", "dog")[i % 2] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8)).save(file)
    lines = set(re.findall(r"`(padl train task=.*?)`", text_of("docs/data.md")))
    assert len(lines) == 4
    assert set(re.findall(r"`(padl train\s+task=.*?)`", " ".join(text_of("README.md").split()))) <= lines
    for line in lines - {"padl train task=csv"}:
        assert padl_command(*short(line))[0] == 0


@pytest.mark.parametrize("page", pages())
def test_a_page_has_no_code_that_no_test_knows(page):
    assert {block.language for block in blocks(page)} <= LANGUAGES
    assert not [c for c in commands(page) if not c.startswith(("padl ", *NOT_RUN))]


@pytest.mark.parametrize("page", pages())
def test_every_file_that_a_page_links_is_there_and_a_page_of_the_site_links_the_site_alone(page):
    assert not [link for link in links(page) if not (ROOT / page).parent.joinpath(link).exists()]
    if page.startswith("docs/"):
        assert not [link for link in links(page) if link.startswith("..")]


def test_every_page_is_in_the_navigation_of_the_site_and_on_its_first_page():
    every = {Path(page).name for page in pages() if page.startswith("docs/")}
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert [name for entry in navigation for name in entry.values() if name not in every] == []
    assert every - {name for entry in navigation for name in entry.values()} == set()
    assert every - {"index.md"} - set(links("docs/index.md")) == set()


def test_the_ci_runs_the_readmes_test_command():
    (install,) = [c for c in commands("README.md") if c.startswith("pip") and "test" in c]
    assert f"{install} && pytest" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_names_names_everything_there_is(kind):
    (row,) = re.findall(rf"^\| {kind} \| (.*) \|$", text_of("docs/names.md"), re.MULTILINE)
    listed = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`(.*?)`", row))))
    own = {n for n in padl.names(kind) if names.of(kind).get(n).origin == "padl"}
    assert listed == own
