"""An optimizer for matrices that moves none says so, where its learning rate would do nothing in silence."""

import pytest

from padl.app.compare.plan import resolve
from padl.app.parameter_groups import parameter_lines
from padl.app.run_spec import check
from padl.types import PadlError

IDLE = "moves no parameter here, and its learning_rate does nothing"


def lines(model, optimizer):
    run = {"task": {"name": "permeability", "rows": 64}, "steps": 1, "progress": "none"}
    return [line for line in parameter_lines(check({**run, "model": model, "optimizer": optimizer})) if IDLE in line]


@pytest.mark.parametrize(
    ("optimizer", "ends"),
    [
        ("muon", "none is a matrix or a convolution, so that all have others=adamw, whose own rate is"),
        ({"name": "soap", "others": {"name": "sgd"}}, "so that all have others=sgd, whose own rate is"),
        ({"name": "muon", "applies_to": ["embedding"]}, "none is an embedding, so that all have others=adamw"),
        ({"name": "muon", "applies_to": []}, "nothing: applies_to has no role, so that all have others=adamw"),
        ({"name": "muon", "wrap": ["ema"]}, "all have others=adamw"),
    ],
)
def test_an_optimizer_whose_companion_has_all_parameters_says_so(optimizer, ends):
    (line,) = lines("linear", optimizer)
    assert ends in line


@pytest.mark.parametrize("optimizer", ["muon", "adam", {"name": "muon", "applies_to": ["head"]}])
def test_one_that_moves_a_parameter_says_nothing(optimizer):
    assert lines({"name": "mlp", "widths": (4,)}, optimizer) == []


def test_a_comparison_says_so_of_the_surfaces_without_matrices():
    said = {
        surface: [line for line in resolve({"surface": surface, "optimizers": ["muon", "adam"]}).said if IDLE in line]
        for surface in ("rosenbrock", "linear_network")
    }
    assert [len(said[surface]) for surface in said] == [1, 0]
    assert said["rosenbrock"][0].startswith("muon moves no parameter here")


def test_the_roles_that_there_are_stand_as_they_are_written():
    with pytest.raises(PadlError, match=r"is not a list of some of matrix, .*, bias, other$"):
        lines("linear", {"name": "muon", "applies_to": ["others"]})


def test_a_wrapper_for_roles_that_no_parameter_has_says_so():
    run = {"task": {"name": "permeability", "rows": 64}, "steps": 1, "progress": "none", "model": "linear"}
    wrap = {"weight_decay": {"applies_to": ["head"]}, "hyperball": {}, "agc": {"applies_to": []}}
    said = parameter_lines(check({**run, "optimizer": {"name": "adam", "wrap": wrap}}))
    idle = [line for line in said if "changes no parameter here" in line]
    assert len(idle) == 2
    assert idle[0].startswith("hyperball changes no parameter here: none is a matrix (optimizer.wrap.hyperball.")
    assert idle[0].endswith("there are bias, head)")
    assert idle[1].startswith("agc changes no parameter here: applies_to has no role")
