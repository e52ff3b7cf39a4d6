"""python.json says where a thing comes from, without a secret."""

import json

import optax
from flax import nnx
from own_things import NUMBERS, Net, squares

from padl.app.names import part
from padl.app.objects.sources import source_of, things


def described(kind, thing):
    return things({kind: part(kind, thing)})[kind]


def test_a_class_a_function_and_an_instance_have_the_source_of_their_class_or_function():
    assert "def __call__(self, x):" in described("model", Net)["source"]
    assert described("model", Net)["type"] == "class"
    assert described("model", Net(3, 1, rngs=nnx.Rngs(0)))["source"] == described("model", Net)["source"]
    assert described("loss", squares)["source"].startswith("def squares(predictions, targets):")
    assert described("loss", squares)["module"] == "own_things"


def test_what_a_library_defines_or_has_no_file_has_no_source():
    variables = {}
    exec("def loss(p, t):\n    return p - t\n", variables)
    for kind, thing in (("optimizer", optax.adam(0.1)), ("task", NUMBERS), ("loss", variables["loss"])):
        told = described(kind, thing)
        assert told["source"] == ""
        assert len(told["digest"]) == 64
        json.dumps(told)


def test_a_secret_in_a_source_is_hidden(monkeypatch, capsys):
    monkeypatch.setenv("SERVICE_API_KEY", "kjhgfds-12345-poiuy")

    def loss(predictions, targets):
        key = "kjhgfds-12345-poiuy"
        return predictions if key else targets

    assert "kjhgfds-12345-poiuy" in source_of(loss)
    assert "kjhgfds-12345-poiuy" not in described("loss", loss)["source"]


def test_a_name_is_not_described():
    assert things({"model": part("model", "mlp")}) == {}
