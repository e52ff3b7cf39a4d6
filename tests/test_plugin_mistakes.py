"""Deliberate mistakes in plugins are answered by a line with the author's place, and stop nothing else."""

import importlib
import json
import os
import subprocess
import sys

import jax
import pytest
from plugin_mistakes import AT_LOAD, AT_USE, HEAD, HINTS, NOTES

import padl
from padl import plugins, registry
from padl.app import names
from padl.origins import PADL
from padl.signature_checks import hints, mistakes
from padl.types import KINDS, PadlError

SMALL = {"task": "surface", "steps": 5, "steps_per_call": 2, "log_every": 2, "eval_every": 2, "devices": 1}


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """Load a plugin as `padl` does at its start: returns what it says of the plugin."""
    padl.names("optimizer")
    before = {kind: dict(registry.REGISTRIES[kind]._entries) for kind in KINDS}

    def load(source):
        (tmp_path / "strange.py").write_text(source)
        monkeypatch.setattr(plugins, "folders", lambda: [tmp_path])
        found = plugins.load.__wrapped__()
        monkeypatch.setattr(names, "load", lambda: found)
        (plugin,) = [each for each in found if each.name.endswith("strange.py")]
        return plugin

    yield load
    for kind in KINDS:
        registry.REGISTRIES[kind]._entries = before[kind]


@pytest.mark.parametrize("name", AT_LOAD)
def test_a_plugin_that_could_not_be_used_is_broken_with_its_place_and_the_reason(name, loaded, tmp_path):
    mistake = AT_LOAD[name]
    broken = loaded(mistake.source).broken
    assert not [text for text in mistake.says if text not in broken], broken
    assert "\n" not in broken
    if mistake.line:
        assert broken.startswith(f"{tmp_path / 'strange.py'}:{mistake.line}: ")
    assert "mine" not in registry.optimizer.names()


@pytest.mark.parametrize("name", HINTS)
def test_what_an_author_may_have_meant_otherwise_is_a_hint(name, loaded):
    assert loaded(HINTS[name].source).broken == ""
    entry = registry.optimizer.get("mine")
    assert mistakes(entry) == []
    assert any(all(text in hint for text in HINTS[name].says) for hint in hints(entry)), hints(entry)


@pytest.mark.parametrize("name", NOTES)
def test_what_an_import_does_beside_is_noted_and_put_back(name, loaded, capsys):
    plugin = loaded(NOTES[name].source)
    assert plugin.broken == ""
    assert any(all(text in note for text in NOTES[name].says) for note in plugin.notes), plugin.notes
    assert jax.dtypes.canonicalize_dtype(float) == "float32"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", AT_USE)
def test_a_rule_that_fails_is_one_line_with_the_authors_place_in_a_run_and_in_a_sweep(name, loaded, tmp_path):
    mistake = AT_USE[name]
    assert loaded(mistake.source).broken == ""
    with pytest.raises(PadlError) as of_run:
        padl.train(optimizer="mine", **SMALL)
    with pytest.raises(PadlError) as of_sweep:
        padl.sweep(optimizer="mine", over={"seed": [0, 1]}, **SMALL)
    assert padl.train(optimizer="sgd", **SMALL).status in ("finished", "diverged")
    for line in map(str, (of_run.value, of_sweep.value)):
        assert not [text for text in mistake.says if text not in line], line
        assert f"{tmp_path / 'strange.py'}:{mistake.line}" in line
        assert "\n" not in line
    assert str(of_run.value) == str(of_sweep.value)


def test_a_broken_plugin_stops_nothing_and_who_asks_for_its_optimizer_is_told_why(loaded, padl_command, tmp_path):
    reason = loaded(AT_LOAD["NumPy default"].source).broken
    code, out, _ = padl_command("list", "optimizers")
    assert code == 0
    assert f"strange.py: {reason}" in out
    code, out, err = padl_command("list", "schedules", "--json")
    assert [each["name"] for each in json.loads(out)] == padl.names("schedule")
    assert reason in err
    words = ["task=surface", "steps=2", "wandb.mode=disabled", "progress=none", "run.dir=null"]
    assert padl_command("train", "optimizer=adam", *words)[0] == 0
    code, out, err = padl_command("train", "optimizer=mine", *words)
    assert (code, out) == (2, "")
    assert err == f"padl: optimizer 'mine' is of the plugin {tmp_path.name}/strange.py, which is broken: {reason}\n"
    code, _, err = padl_command("train", "optimizer=mime", *words)
    assert f"plugins that could not be loaded: {tmp_path.name}/strange.py ({reason})" in err
    assert f"which is broken: {reason}" in padl_command("show", "mine")[2]


def test_a_mistake_is_refused_as_the_decorator_runs_in_python_too():
    for name, mistake in AT_LOAD.items():
        if "@optimizer(" in mistake.source and "annotation" not in name:
            with pytest.raises(PadlError) as refused:
                exec(mistake.source, {"__name__": "a_module_of_mine"})
            assert mistake.says[0] in str(refused.value) or "twice" in str(refused.value)


LATER = f"""{HEAD}
@optimizer(reference="Nobody 2020")
def mine(learning_rate: "Rate" = 0.1, momentum: "Later" = 0.9) -> "Nowhere":
    "Annotations that the module gives below, and that of the result, which nobody reads."
    return optax.sgd(learning_rate, momentum)
Rate, Later = ScalarOrSchedule, Scalar
"""


def test_an_annotation_may_name_what_the_module_gives_below(loaded):
    assert loaded(LATER).broken == ""
    arguments = registry.optimizer.get("mine").hyperparameters
    assert [each.traced for each in arguments.values()] == [True, True]


def test_what_is_annotated_by_a_later_name_is_looked_at_when_that_is_there(loaded, tmp_path):
    broken = loaded(LATER.replace('momentum: "Later" = 0.9', 'momentum: "Later" = 1.0')).broken
    assert broken.startswith(f"{tmp_path / 'strange.py'}:13: optimizer 'mine': its default momentum=1.0 is outside")


def test_an_annotation_that_names_nothing_is_one_line_at_the_first_use_in_python(loaded):
    loaded("")
    exec(LATER.replace("Rate, Later", "Rate, Latter"), {"__name__": "a_module_of_mine"})
    with pytest.raises(PadlError, match="an annotation cannot be read: name 'Later' is not defined"):
        padl.optimizer("mine")


IN_A_PACKAGE = AT_USE["error in a rule"].source


def test_the_place_of_a_package_is_its_own_file_though_it_lies_among_libraries(loaded, tmp_path, monkeypatch):
    loaded("")
    package = tmp_path / "site-packages" / "strange_package" / "rules"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (package / "mine.py").write_text(IN_A_PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    with registry.origin("strange 1.0", "strange_package"):
        importlib.import_module("strange_package.rules.mine")
    with pytest.raises(PadlError) as raised:
        padl.train(optimizer="mine", **SMALL)
    line = AT_USE["error in a rule"].line
    assert str(raised.value).startswith(f"{package / 'mine.py'}:{line}, in direction: TypeError: add got")


def test_a_comparison_names_the_author_of_a_state_that_changes_its_form_and_of_a_kept_tracer(loaded, padl_command):
    for name in ("list that grows", "tracer kept in a global"):
        loaded(AT_USE[name].source)
        for steps in (3, 4, 5):  # a program each
            code, _, err = padl_command(
                "compare", "optimizers=[mine,sgd]", "surface=valley", f"steps={steps}", "run.dir=null"
            )
            if code:
                break
        assert code == 2
        assert f"strange.py:{AT_USE[name].line}: {AT_USE[name].says[0]}" in err
        assert padl_command("compare", "optimizers=[sgd]", "surface=valley", "steps=3", "run.dir=null")[0] == 0


STARTS = """
import jax
import jax.numpy as jnp
jax.config.update("jax_enable_x64", True)
ZERO = jnp.zeros(())
print("hello")
"""


def test_an_import_that_starts_jax_and_sets_flags_and_prints_is_noted_and_leaves_standard_output_clean(tmp_path):
    (tmp_path / "strange.py").write_text(STARTS)
    done = subprocess.run(
        [sys.executable, "-m", "padl", "list", "schedules", "--json"], env=os.environ | {"PADL_PLUGINS": str(tmp_path)},
        capture_output=True, text=True, cwd=tmp_path, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)
    said = done.stderr.splitlines()
    name = f"{tmp_path.name}/strange.py"
    assert said[0] == f"padl: {name} prints: hello"
    notes = [line.removeprefix(f"padl: note on plugin {name}: its import ") for line in said[1:]]
    starts = ["sets jax_enable_x64=True for every run: it was put back to False", "starts JAX on a device", "prints"]
    assert [note[: len(start)] for note, start in zip(notes, starts, strict=True)] == starts


@pytest.mark.parametrize("kind", KINDS)
def test_padls_own_and_the_worked_drop_ins_have_no_mistakes_and_need_no_hints(kind):
    entries = [names.of(kind).get(name) for name in padl.names(kind)]
    shipped = [each for each in entries if each.origin == PADL or each.origin.startswith("plugins/")]
    assert len(shipped) > 3
    assert {each.name: found for each in shipped if (found := [*mistakes(each), *hints(each)])} == {}
