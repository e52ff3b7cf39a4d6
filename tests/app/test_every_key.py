"""No key of conf/train.yaml does nothing: each is changed, in a run and in a sweep, and something follows.

What follows is all that can be seen of them: numbers, files, what is printed, what W&B is told, what the environment
is recorded as; or a line that refuses the value. Left out is where the configuration itself is written down, and what
two runs of the same configuration differ in.
"""

import json
import re
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml
from perturbed import other_values

import padl
from padl.app import outputs
from padl.app.compilation_cache import use_compilation_cache
from padl.app.settings import SECTIONS, Settings, schema
from padl.cli.hydra.nodes import conf_folder
from padl.nested import flattened, with_value
from padl.registry import Hyperparameter
from padl.runs import console
from padl.types import KINDS, PadlError

CONF = conf_folder() / "train.yaml"
CONFIGURATION = ("config.yaml", "requests.json", "programs.json", "overrides.json", "manifest.json")
BASE = {
    "task": {"name": "permeability", "rows": 64},
    "model": {"name": "mlp", "widths": (4,)},
    "steps": 6, "batch_size": 8, "devices": 1, "log_every": 2, "eval_every": 3, "steps_per_call": 2,
    "progress": "plain",
    "run": {"dir": "runs", "save": True, "plot": False, "save_every": 1},
    "wandb": {"mode": "offline"},
}  # fmt: skip
Footprint = dict[str, Any]


def keys() -> dict[str, Hyperparameter]:
    """Every key of conf/train.yaml but the names, with what it takes."""
    known = {**schema(Settings)}
    known |= {f"{section}.{name}": h for section, of in SECTIONS.items() for name, h in schema(of).items()}
    written = yaml.safe_load(CONF.read_text())
    told = flattened({key: value for key, value in written.items() if key not in ("defaults", "hydra", *KINDS)})
    return {key: known[key] for key in told}


class StubWandb:
    """Keeps what W&B would be told, but for the configuration."""

    made: ClassVar[list["StubWandb"]] = []
    run_id, run_folder, url = "0", None, ""

    def __init__(self, folder: Path, *, config: Mapping[str, Any], **told: Any):
        self.told = {**told, "folder": folder.name, "rows": 0}
        self.made.append(self)

    def write(self, step: int, row: Mapping[str, float]) -> None:
        self.told["rows"] += 1

    def table(self, name: str, columns: list[str], rows: list[list[Any]]) -> None:
        self.told["table"] = name

    def configure(self, config: Mapping[str, Any]) -> None:
        """Do nothing."""

    def image(self, name: str, file: Path) -> None:
        """Do nothing: a picture is seen in the folder."""

    def model(self, files: Mapping[str, Path], metadata: Mapping[str, Any]) -> None:
        self.told["model"] = sorted(files)

    def close(self, summary: Mapping[str, Any]) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""

    def wait(self) -> None:
        """Do nothing."""


@contextmanager
def observed(tmp_path: Path, capsys: Any, monkeypatch: Any):
    """A clean folder, W&B's stub, and a plain line for each call."""
    with monkeypatch.context() as patched:
        patched.chdir(tmp_path)
        patched.setattr(outputs, "Wandb", StubWandb)
        patched.setattr(console, "PLAIN_SECONDS", 0.0)
        StubWandb.made = []
        capsys.readouterr()
        try:
            yield
        finally:
            use_compilation_cache("auto")


def nameless(text: str) -> str:
    """A text without times, paths and random endings."""
    return re.sub(r"[0-9a-f]{6}\b|/\S*/|[\d:.,]+", "#", text)


def footprint(result: Any, tmp_path: Path, printed: str) -> Footprint:
    """All that can be seen of a run or a sweep, flat."""
    seen: Footprint = {"printed": nameless(printed), "wandb": [nameless(repr(w.told)) for w in StubWandb.made]}
    files = [file for file in tmp_path.rglob("*") if file.is_file() and "cache" not in file.name]
    seen["files"] = sorted(nameless("/" + str(file.relative_to(tmp_path))) + file.suffix for file in files)
    seen["folders"] = sorted(nameless(folder.name) for folder in tmp_path.iterdir())
    for file in files:
        if file.suffix == ".json" and file.name not in CONFIGURATION and "snapshots" not in file.parts:
            content = json.loads(file.read_text())
            if isinstance(content, dict):
                seen |= {f"{nameless(file.name)} {key}": value for key, value in flattened(content).items()}
    if isinstance(result, padl.app.training.RunResult):
        seen |= {f"history {name}": np.asarray(values).tobytes() for name, values in result.history.items()}
        for which in ("params", "best_params"):
            seen |= {f"{which} {name}": x.tobytes() for name, x in getattr(result, which).items()}
    else:
        seen |= {f"row {i} {name}": value for i, row in enumerate(result.rows) for name, value in row.items()}
    timeless = {name: value for name, value in seen.items() if "second" not in name and value == value}
    return {name: nameless(value) if isinstance(value, str) else value for name, value in timeless.items()}


class Scene:
    """Runs a configuration with one key changed."""

    def __init__(self, base: Mapping[str, Any], over: Mapping[str, Any] | None, place: Any):
        self.base, self.over, self.place = dict(base), over, place
        self.before: Footprint | None = None
        self.volatile: set[str] = set()

    def look(self, key: str = "", value: Any = None) -> Footprint | str:
        config = with_value(self.base, key, value) if key else self.base
        tmp_path, capsys, monkeypatch = self.place()
        with observed(tmp_path, capsys, monkeypatch):
            try:
                result = padl.sweep(over=self.over, **config) if self.over else padl.train(**config)
            except PadlError as refused:
                return f"refused: {refused}"
            return footprint(result, tmp_path, capsys.readouterr().err)

    def follows(self, key: str, value: Any) -> str:
        """What follows from another value: names of what differs, or the line that refuses it; "" for nothing."""
        if self.before is None:
            before, again = self.look(), self.look()
            assert not isinstance(before, str), before
            assert not isinstance(again, str), again
            self.before, self.volatile = before, differing(before, again)
            assert not {"printed", "files", "folders", "wandb"} & self.volatile, self.volatile
        after = self.look(key, value)
        return after if isinstance(after, str) else " ".join(sorted(differing(self.before, after) - self.volatile))


def differing(a: Footprint, b: Footprint) -> set[str]:
    return {name for name in {*a, *b} if a.get(name) != b.get(name)}


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """Texts that some key takes: a run to begin with, a name, a sink, a pattern, a metric, a time, a folder."""
    place = tmp_path_factory.mktemp("other")
    quiet = {**BASE, "seed": 5, "progress": "none", "wandb": {"mode": "disabled"}}
    folder = padl.train(**{**quiet, "run": {**BASE["run"], "dir": str(place)}}).folder
    return (str(folder), "other", "csv", "blocks.*", "eval/loss", "1h", "off")


@pytest.fixture(scope="module")
def all_scenes(words):
    """In which a key is looked for, the cheap first; with a run to begin with, since its keys need one."""
    start = {**BASE, "start": {"from": words[0]}}
    pictures = {**BASE, "run": {**BASE["run"], "plot": True}}
    seeds = {"seed": [0, 1]}
    return [Scene(BASE, None, None), Scene(start, None, None), Scene(BASE, seeds, None), Scene(pictures, seeds, None)]


@pytest.mark.parametrize("key", keys())
def test_every_key_changes_what_can_be_seen_or_its_comment_says_why_not(
    key, all_scenes, words, tmp_path_factory, capsys, monkeypatch
):
    followed = []
    for scene in all_scenes:
        scene.place = lambda: (tmp_path_factory.mktemp("scene"), capsys, monkeypatch)
        default = flattened(scene.base).get(key, keys()[key].default)
        for value in other_values(keys()[key]._replace(default=default), words)[:5]:
            followed.append(scene.follows(key, value))
            if followed[-1] and not followed[-1].startswith("refused"):
                assert not reason(key), f"{key} changes {followed[-1]} after all: {reason(key)}"
                return
    assert followed, f"no other value of {key} is known"
    is_refused = any(line.startswith("refused") and key in line for line in followed)
    assert is_refused or reason(key), f"{key} does nothing that can be seen, and its comment gives no reason"


def test_the_same_value_again_changes_nothing(all_scenes, tmp_path_factory, capsys, monkeypatch):
    for scene in all_scenes[::2]:
        scene.place = lambda: (tmp_path_factory.mktemp("scene"), capsys, monkeypatch)
        assert scene.follows("steps", BASE["steps"]) == ""


def reason(key: str) -> str:
    """The comment of a key that changes nothing that is measured, and says so; "" of any other."""
    comment = re.search(rf"^ *{key.rpartition('.')[2]}:[^#]*#(.*(?:\n {{26}}#.*)*)", CONF.read_text(), re.MULTILINE)
    assert comment, f"{key} has no comment in {CONF}"
    return comment[1] if "changes nothing that is measured" in comment[1] else ""
