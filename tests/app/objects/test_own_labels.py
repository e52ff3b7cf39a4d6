"""What things from Python are called in a sweep: each has a label of its own."""

from functools import partial

import optax
import pytest
from own_things import CLASSES, Net, X

from padl.app.objects import labelled, shown_value
from padl.types import PadlError

SGD, ADAM = optax.sgd(0.1), optax.adam(0.1)


def labels(kind, values):
    return [
        value["label"] if isinstance(value, dict) and "label" in value else value for value in labelled(kind, values)
    ]


@pytest.mark.parametrize(
    ("kind", "values", "called"),
    [
        ("optimizer", [SGD, ADAM, "adam"], ["chain-1", "chain-2", "adam"]),
        ("optimizer", [SGD, "adam"], ["chain", "adam"]),
        ("optimizer", [{"name": SGD, "label": "chain-1"}, ADAM, SGD], ["chain-1", "chain-2", "chain-3"]),
        ("optimizer", [{"name": SGD, "label": "chain"}, ADAM], ["chain", "chain-1"]),
        ("optimizer", ["lion", {"name": optax.lion, "learning_rate": 0.1}], ["lion", "lion-1"]),
        ("model", [Net, {"name": Net, "hidden": 3}, None, "mlp"], ["Net-1", "Net-2", None, "mlp"]),
        ("model", [lambda i, o, rngs: 0, partial(Net, hidden=3)], ["function", "Net"]),
        ("task", [CLASSES, (X, X[:, 0]), "digits"], ["arrays-1", "arrays-2", "digits"]),
    ],
)
def test_several_of_one_name_are_numbered_and_no_label_is_there_twice(kind, values, called):
    assert labels(kind, values) == called


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([{"name": SGD, "label": "a"}, {"name": ADAM, "label": "a"}], "two optimizers are called 'a'"),
        (["adam", {"name": SGD, "label": "adam"}], "two optimizers are called 'adam'"),
        ([{"name": SGD, "label": 3}], "must be one line of text"),
        ([{"name": SGD, "label": "a\nb"}], "must be one line of text"),
        ([3], "must be a name"),
    ],
)
def test_a_label_that_tells_nothing_apart_is_refused(values, line):
    with pytest.raises(PadlError, match=line):
        labelled("optimizer", values)


def test_a_table_shows_the_label_with_the_hyperparameters():
    assert shown_value({"name": Net, "label": "small", "hidden": 3}) == "small hidden=3"
    assert shown_value("adam") == "adam"
