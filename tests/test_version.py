"""The name that PADL is installed by is its own and everywhere the same; an extra that is advised can be installed."""

import re
import tomllib
from pathlib import Path

import pytest

from padl import version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TEXTS = [
    ROOT / "README.md",
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "docs").glob("*.ipynb"),
    *(ROOT / "padl").rglob("*.py"),
]


def test_the_project_has_the_name_and_version_that_padl_says():
    assert (PROJECT["name"], PROJECT["version"]) == (version.DISTRIBUTION, version.__version__)


def test_the_name_of_another_project_is_never_said_to_be_installed():
    others = re.compile(r"pip install (?:-\S+ )*['\"]?padl(?!-jax)\b")
    assert not [str(file) for file in TEXTS if others.search(file.read_text(encoding="utf-8"))]


def test_an_extra_that_is_advised_is_there():
    asked = {
        name for file in TEXTS for name in re.findall(r"install_extra\([\"'](\w+)", file.read_text(encoding="utf-8"))
    }
    assert asked == {"export", "notebook", "search"}
    assert asked <= PROJECT["optional-dependencies"].keys()


@pytest.mark.parametrize(("inside", "place"), [(True, "."), (False, str(ROOT))])
def test_an_extra_is_installed_from_the_checkout_where_padl_runs_from_one(inside, place, monkeypatch):
    if inside:
        monkeypatch.chdir(ROOT)
    assert version.install_extra("search") == f"pip install -e '{place}[search]'"


def test_an_extra_is_installed_by_name_where_there_is_no_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(version, "__file__", str(tmp_path / "padl" / "version.py"))
    assert version.install_extra("search") == "pip install 'padl-jax[search]'"
