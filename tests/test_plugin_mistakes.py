"""Deliberate mistakes in plugins are answered by a line with the author's place, and stop nothing else."""

import pytest
from plugin_mistakes import AT_LOAD, AT_USE, HINTS, NOTES

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
    before = {kind: dict(r._entries) for kind, r in registry.REGISTRIES.items()}

    def load(source):
        (tmp_path / "strange.py").write_text(source)
        monkeypatch.setattr(plugins, "folders", lambda: [tmp_path])
        found = plugins.load.__wrapped__()
        monkeypatch.setattr(names, "load", lambda: found)
        (plugin,) = [each for each in found if each.name.endswith("strange.py")]
        return plugin

    yield load
    for kind, entries in before.items():
        registry.REGISTRIES[kind]._entries = entries


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
    import jax

    plugin = loaded(NOTES[name].source)
    assert plugin.broken == ""
    assert any(all(text in note for text in NOTES[name].says) for note in plugin.notes), plugin.notes
    assert jax.config.jax_enable_x64 is False
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


@pytest.mark.parametrize("kind", KINDS)
def test_padls_own_and_the_worked_drop_ins_have_no_mistakes_and_need_no_hints(kind):
    entries = [names.of(kind).get(name) for name in padl.names(kind)]
    shipped = [each for each in entries if each.origin == PADL or each.origin.startswith("plugins/")]
    assert len(shipped) > 3
    assert {each.name: found for each in shipped if (found := [*mistakes(each), *hints(each)])} == {}
