"""What a run's numbers depend on: the file of a plugin, whose functions look at their arguments first."""

import importlib
from types import SimpleNamespace

from padl import registry
from padl.app.fingerprint import of_all, with_usual
from padl.app.run_spec import check

PLUGIN = """
import padl
from padl.registry import optimizer

@optimizer()
def own_rule(learning_rate: float = {rate}):
    "Steps against the gradient."
    return padl.optimizers.sgd(learning_rate)
"""
QUIET = {"run": {"dir": None}, "wandb": {"mode": "disabled"}}


def test_a_plugin_whose_file_was_edited_has_another_digest(tmp_path, monkeypatch):
    monkeypatch.setattr(registry.optimizer, "_entries", dict(registry.optimizer._entries))
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "own_rules.py"
    digests = []
    for rate in (0.1, 0.2):
        file.write_text(PLUGIN.format(rate=rate))
        importlib.invalidate_caches()
        importlib.import_module("own_rules")
        spec = check({"task": "surface", "optimizer": "own_rule", **QUIET})
        digests.append(of_all([spec], SimpleNamespace(device_kind="cpu", platform="cpu"), 1)["plugins"])
    assert digests[0].keys() == digests[1].keys() == {"optimizer own_rule"}
    assert digests[0] != digests[1]
    assert "no source" not in digests[0].values()


def test_keys_that_an_earlier_padl_did_not_know_differ_only_where_they_are_not_as_usual():
    recorded = {"config": {"seed": "0", "steps": "None"}}
    spec = check({"task": "surface", "steps": 2000, "ema": 0.9, **QUIET})
    config = with_usual(recorded, spec)["config"]
    assert (config["steps"], config["stop.patience"], config["stop.min_change"]) == ("2000", "None", "0.0")
    assert "ema" not in config
