"""Things from Python are put where a run or a sweep has their labels, or one line says which are missing."""

import optax
import pytest
from own_things import CLASSES, Net, squares

from padl.app.objects.content import digest
from padl.app.objects.stored import as_stored, changed, with_objects, with_objects_by_label
from padl.types import KINDS, PadlError

CONFIG = {"task": as_stored("arrays"), "model": as_stored("Net", {"hidden": 3}), "loss": {"name": "mse"}, "seed": 1}
SGD, ADAM = optax.sgd(0.1), optax.adam(0.1)
MEMBERS = [{**CONFIG, "optimizer": part} for part in (as_stored("chain-1"), as_stored("chain-2"), {"name": "adam"})]


def test_a_thing_stands_with_the_label_and_hyperparameters_that_were_recorded():
    filled = with_objects(CONFIG, {"task": CLASSES, "model": Net}, KINDS)
    assert filled["model"] == {"name": Net, "label": "Net", "hidden": 3}
    assert filled["loss"] == {"name": "mse"}
    assert with_objects(CONFIG, {"model": {"name": Net, "label": "any"}}, ["model"])["model"]["label"] == "Net"


@pytest.mark.parametrize(
    ("things", "line"),
    [
        ({"task": CLASSES}, "its model 'Net' came from Python, and only Python can give it again"),
        ({"task": CLASSES, "model": Net, "loss": squares}, "its loss is one of a name: leave loss= out"),
        ({"modle": Net}, "'modle' is no part of a run; did you mean 'model'"),
        ({"task": CLASSES, "model": {"name": Net, "hidden": 4}}, "its hyperparameters are recorded"),
    ],
)
def test_what_is_missing_or_too_much_is_one_line(things, line):
    with pytest.raises(PadlError, match=line):
        with_objects(CONFIG, things, KINDS)


@pytest.mark.parametrize("label", ["chain-1", "chain-2"])
def test_the_things_of_a_sweep_stand_where_their_labels_do(label):
    filled = with_objects_by_label(MEMBERS, {"task": CLASSES, "model": [Net], "optimizer": [SGD, ADAM]})
    assert [config["optimizer"]["name"] for config in filled] == [SGD, ADAM, "adam"]
    assert all(config["task"]["name"] is CLASSES for config in filled)
    assert all(config["model"]["hidden"] == 3 for config in filled)


@pytest.mark.parametrize(
    ("things", "line"),
    [
        ({}, r"task=\.\.\., .*for .*model Net; task arrays|optimizer chain-1, chain-2"),
        ({"task": CLASSES, "model": Net}, r"optimizer=\[\.\.\.\]\), for optimizer chain-1, chain-2"),
        ({"task": CLASSES, "model": Net, "optimizer": SGD}, "the sweep has chain-1, chain-2, and given are chain"),
        ({"task": CLASSES, "model": Net, "optimizer": [SGD, ADAM], "loss": squares}, "the sweep has none from Python"),
    ],
)
def test_what_is_missing_of_a_sweep_or_too_much_is_one_line(things, line):
    with pytest.raises(PadlError, match=line):
        with_objects_by_label(MEMBERS, things)


def test_what_is_not_the_thing_that_it_was_is_told_by_its_digest():
    recorded = {"loss": {"digest": digest(squares)}, "model": {"digest": "another"}, "optimizer": {}}
    assert changed({"loss": squares, "model": Net, "optimizer": SGD, "task": CLASSES}, recorded) == ["model"]
