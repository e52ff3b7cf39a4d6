"""What a stranger's signature says is read as Python would call it."""

from functools import partial
from typing import Literal

import pytest

from padl.app.objects.signatures import gathers, hyperparameters_of, label_of, parameters_of
from padl.types import Scalar


class Model:
    def __init__(self, din, dout, hidden=8, *, act=print, rngs):
        pass

    def method(self, a, b=1):
        pass


@pytest.mark.parametrize(
    ("thing", "parameters", "defaults"),
    [
        (Model, ["din", "dout", "hidden", "act", "rngs"], {"hidden": 8}),
        (Model(1, 2, rngs=0).method, ["a", "b"], {"b": 1}),
        (partial(Model, hidden=3), ["din", "dout", "hidden", "act", "rngs"], {"hidden": 3}),
        (partial(Model, 4), ["dout", "hidden", "act", "rngs"], {"hidden": 8}),
        (partial(partial(Model, hidden=3), hidden=4), ["din", "dout", "hidden", "act", "rngs"], {"hidden": 4}),
        (lambda a, *rest, **more: a, ["a"], {}),
    ],
)
def test_the_parameters_of_a_call_are_those_left_open_with_the_defaults_that_hold(thing, parameters, defaults):
    found = parameters_of(thing)
    assert list(found) == parameters
    assert {name: found[name].default for name in defaults} == defaults


def test_what_has_no_plain_default_is_no_hyperparameter_and_what_has_no_default_is_required():
    found = hyperparameters_of(Model, leave_out=("rngs",))
    assert list(found) == ["din", "dout", "hidden"]
    assert [each.required for each in found.values()] == [True, True, False]


def test_scalars_are_traced_plain_types_are_checked_and_other_annotations_are_taken_as_they_are():
    def function(rate: Scalar = 0.1, size: int = 2, kind: Literal["a", "b"] = "a", other: "unknown" = 1):  # noqa: F821
        pass

    def known(rate: Scalar = 0.1, size: int = 2, kind: Literal["a", "b"] = "a", other: list = ()):
        pass

    assert [each.traced for each in hyperparameters_of(known, ()).values()] == [True, False, False, False]
    with pytest.raises(Exception, match=r"size='x' is not a whole number"):
        hyperparameters_of(known, ())["size"].check("x", "size")
    assert hyperparameters_of(known, ())["other"].check("x", "other") == "x"
    assert hyperparameters_of(function, ())["size"].check("x", "size") == "x"  # no annotation of it can be read


def test_a_thing_is_called_by_its_name_by_that_of_its_class_or_of_what_a_partial_is_of():
    assert [label_of(each) for each in (Model, partial(Model, 1), Model(1, 2, rngs=0), lambda: 0)] == [
        "Model", "Model", "Model", "function",
    ]  # fmt: skip


def test_a_call_gathers_where_it_takes_any_number_or_does_not_say():
    assert [gathers(each) for each in (lambda *a: 0, lambda a: 0, lambda **k: 0)] == [True, False, False]
