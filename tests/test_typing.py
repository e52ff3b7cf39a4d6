"""What a type checker and an editor see: signatures of all that is registered, keywords of runs, wrong calls."""

import ast
import inspect
import json
import os
import shutil
import subprocess
import sys
import types
import typing
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

import padl
from padl.app import keywords, names, settings
from padl.app.compare.settings import CompareSettings, OutputSettings
from padl.app.resume import CHANGEABLE
from padl.app.sweep.recorded import TODAYS
from padl.types import KINDS

ROOT = Path(__file__).parents[1]
CALLS = Path(__file__).with_name("typed_calls.py")
PADLS = [
    (kind, each) for kind in names.HOMES for each in names.of(kind) if each.origin == "padl"
]  # what is PADL's own, not a plugin's


# Items


@pytest.mark.parametrize("kind", [kind for kind in names.HOMES if kind != "schedule"])
def test_every_file_with_items_is_listed_for_type_checkers(kind):
    home = names.HOMES[kind]
    file = Path(*home.split("."), "__init__.py")
    statements = ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    listed = {n.module for n in statements if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"}
    holding = {each.function.__module__ for of_kind, each in PADLS if of_kind == kind}
    missing = [f"from {module} import *" for module in sorted(holding - listed)]
    assert not missing, f"{file} wants below its `if TYPE_CHECKING`: {'; '.join(missing)}"
    assert listed == holding


def checked_by_pyright(folder: Path) -> list[dict]:
    """What pyright says of the Python files of a folder; the test is skipped where it does not start."""
    config = {"extraPaths": [str(ROOT)], "typeCheckingMode": "basic"}
    (folder / "pyrightconfig.json").write_text(json.dumps(config), encoding="utf-8")
    if find_spec("pyright") is None:
        pytest.skip("pyright is not installed: it is in the extra [test]")
    command = [
        sys.executable,
        "-m",
        "pyright",
        "--project",
        str(folder),
        "--pythonpath",
        sys.executable,
        "--outputjson",
    ]
    said = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ | {"XLA_FLAGS": ""})
    if not said.stdout.startswith("{"):
        pytest.skip(f"pyright does not start here: {(said.stdout + said.stderr).strip()[-300:]}")
    return json.loads(said.stdout)["generalDiagnostics"]


def test_pyright_refuses_each_call_marked_wrong_and_no_other_and_sees_the_signature_of_every_item(tmp_path):
    shutil.copy(CALLS, tmp_path)
    shown = [f"{names.HOMES[kind]}.{each.name}" for kind, each in PADLS]
    revealed = tmp_path / "revealed.py"
    revealed.write_text("import padl\n" + "".join(f"reveal_type({name})\n" for name in shown), encoding="utf-8")
    said = checked_by_pyright(tmp_path)
    line = lambda each: each["range"]["start"]["line"]  # noqa: E731

    marked = {i for i, text in enumerate(CALLS.read_text(encoding="utf-8").splitlines()) if text.endswith("# wrong")}
    refused = {line(each): each["message"] for each in said if Path(each["file"]).name == CALLS.name}
    assert len(marked) > 30
    assert not {i + 1: text for i, text in refused.items() if i not in marked}, "refused, and right"
    assert not sorted(i + 1 for i in marked - set(refused)), "taken, and wrong"

    types_seen = {line(each) - 1: each["message"] for each in said if Path(each["file"]) == revealed}
    unlike = {
        name: types_seen[i]
        for i, (name, (_, each)) in enumerate(zip(shown, PADLS, strict=True))
        if not all(f"{parameter}: " in types_seen[i] for parameter in inspect.signature(each.function).parameters)
    }
    assert not unlike


# Keywords


def flat(annotation: object) -> set[object]:
    """The alternatives of an annotation: without what `Annotated` adds, a list and a tuple of any length both as
    "several", and without paths, which are taken wherever a text is."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return flat(args[0])
    if origin in (typing.Union, types.UnionType):
        return set().union(*map(flat, args))
    if origin in (list, tuple, Sequence):
        return {("several", *sorted(map(str, set().union(*(flat(each) for each in args if each is not ...)))))}
    return set() if origin is os.PathLike else {annotation}


GROUPS = [
    (keywords.RunKeys, settings.Run),
    (keywords.StartKeys, settings.StartSettings),
    (keywords.StopKeys, settings.StopSettings),
    (keywords.WandbKeys, settings.WandbSettings),
    (keywords.SweepKeys, settings.SweepSettings),
    (keywords.TrainKeys, settings.Settings),
    (keywords.CompareRunKeys, OutputSettings),
    (keywords.CompareKeys, CompareSettings),
]


@pytest.mark.parametrize(("keys", "dataclass"), GROUPS, ids=lambda each: each.__name__)
def test_the_keys_for_type_checkers_are_those_of_the_settings_with_their_types(keys, dataclass):
    groups = {settings.Settings: ("start", "stop", "run", "wandb"), CompareSettings: ("run",)}.get(dataclass, ())
    typed = {key: flat(each) for key, each in typing.get_type_hints(keys).items() if key not in groups}
    said = {key: flat(each.annotation) for key, each in settings.schema(dataclass).items()}
    wants = f"{keys.__name__} in padl/app/keywords.py has the keys of {dataclass.__name__}, with their types"
    if dataclass is CompareSettings:
        said = {key: each for key, each in said.items() if key != "surface"} | {"optimizers": {typing.Any}}
    assert typed == said, wants


def test_a_sweep_takes_every_key_of_a_configuration_and_resume_what_it_may_change():
    with pytest.raises(padl.PadlError) as refused:
        settings.parse({"no such": 1})
    keys = str(refused.value).partition("(keys: ")[2].removesuffix(")").split(", ")
    assert {*KINDS, *typing.get_type_hints(keywords.SweepRunKeys)} == set(keys)
    assert set(typing.get_type_hints(keywords.ResumeKeys)) == {*CHANGEABLE, *TODAYS}


@pytest.mark.parametrize("name", ["train", "sweep", "trajectories", "evaluate", "load", "predict", "export", "resume"])
def test_no_keyword_of_a_run_is_hidden_behind_stars(name):
    assert not [p for p in inspect.signature(getattr(padl, name)).parameters.values() if p.kind is p.VAR_KEYWORD]


def test_the_defaults_that_are_shown_are_those_of_a_call_without_keywords():
    shown = {name: each.default for name, each in inspect.signature(padl.train).parameters.items()}
    assert (shown["seed"], shown["steps"], shown["progress"]) == (0, None, "none")
    assert (shown["run"], shown["wandb"]) == ({"dir": None}, {"mode": "disabled"})


@pytest.mark.parametrize("with_jedi", [True, False])
def test_tab_offers_the_keywords_of_a_run_and_the_arguments_of_an_item(with_jedi):
    completer = pytest.importorskip("IPython.core.completer")
    tab = completer.IPCompleter(namespace={"padl": padl}, use_jedi=with_jedi)

    def offered(text: str) -> set[str]:
        with completer.provisionalcompleter():
            return {each.text for each in tab.completions(text, len(text))}

    assert {"seed=", "steps=", "run=", "wandb=", "progress=", "task="} <= offered("padl.train(")
    assert {"over=", "seed=", "sweep="} <= offered("padl.sweep(")
    assert {"learning_rate=", "b1=", "eps="} <= offered("padl.optimizers.adam(")
    assert {"delta=", "where="} <= offered("padl.losses.huber(")
    assert any(each.endswith("cosine") for each in offered("padl.schedules.cos"))
