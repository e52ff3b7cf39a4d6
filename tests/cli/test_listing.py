"""`padl list`: all that is registered."""

import json

import optax

from padl import registry
from padl.app import names
from padl.types import KINDS


def test_list_shows_every_name_and_the_hyperparameters_of_all_but_optimizers(padl_command):
    code, out, _ = padl_command("list")
    assert code == 0
    for kind in KINDS:
        for entry in names.of(kind):
            assert entry.name in out
            assert kind == "optimizer" or all(name in out for name in entry.hyperparameters)


def test_of_optimizers_it_shows_year_state_and_paper(padl_command):
    _, out, _ = padl_command("list", "optimizers")
    rows = {words[0]: words for words in (line.split() for line in out.splitlines()) if words}
    assert rows["adam"][1:3] == ["2015", "2"]
    assert rows["sgd"][1:3] == ["1951", "0"]


def test_json_has_all_of_it(padl_command):
    _, out, _ = padl_command("list", "optimizers", "schedules", "--json")
    found = {(each["kind"], each["name"]): each for each in json.loads(out)}
    assert {name for kind, name in found if kind == "optimizer"} == set(names.of("optimizer").names())
    adam = found["optimizer", "adam"]
    assert (adam["year"], adam["state"], adam["hyperparameters"]["b1"]) == (2015, 2, 0.9)
    assert found["optimizer", "sam"]["needs"] == ["grad_fn"]
    assert found["schedule", "cosine"]["hyperparameters"] == {"final": 0.0}


def test_an_optimizer_that_fails_is_told_and_does_not_keep_the_others_from_being_listed(padl_command, monkeypatch):
    monkeypatch.setattr(registry.optimizer, "_entries", dict(registry.optimizer._entries))
    with registry.origin("a_plugin"):
        registry.optimizer(name="unpacks")(
            lambda: optax.stateless(lambda u, p: u)._replace(init=lambda p: [*p, 1 + "a"])
        )
    code, out, _ = padl_command("list", "optimizers")
    assert code == 0
    assert "adam" in out
    assert f"optimizer 'unpacks' from a_plugin fails: {__file__}:42, in <lambda>: TypeError: " in " ".join(out.split())
    _, out, _ = padl_command("list", "optimizers", "--json")
    assert [each["name"] for each in json.loads(out) if "fails" in each] == ["unpacks"]
