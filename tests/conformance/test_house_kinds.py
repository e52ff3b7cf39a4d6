"""Every model, task and schedule of PADL keeps what `padl.conformance` checks of anyone's.

Losses are looked at in tests/losses/test_house_losses.py, at many hyperparameters.
"""

from functools import cache

import pytest

from padl.app import names
from padl.conformance.checked_item import CheckedItem
from padl.conformance.checked_model import CheckedModel
from padl.conformance.checked_task import CheckedTask
from padl.conformance.checks import outcome_of
from padl.conformance.suite import checks_for
from padl.types import Kind

SMALL = {  # few shapes to compile draws for
    "mlp": {"widths": (6, 6)},
    "cnn": {"channels": (6, 6)},
    "tdnn": {"widths": (6, 6), "window": 1, "stride": 2},
    "cracks": {"rows": 80, "size": 16},
}
OF_A_USER = ("csv", "image_folder", "array_files")  # whose data they are


@cache
def subject(kind: Kind, name: str) -> CheckedItem:
    """An item of the house, small where it can be."""
    entry = names.find(kind, name)
    made = entry, "import padl", f"padl.{kind}({name!r}", SMALL.get(name, {})
    if kind == "model":
        return CheckedModel(*made)
    if kind == "task":
        model, loss = (names.find(k, entry.traits[k]) if k in entry.traits else None for k in ("model", "loss"))
        return CheckedTask(*made, model=model, loss=loss)
    return CheckedItem(*made)


def rows(kind: Kind) -> list[object]:
    """Every item × every check, those of an item together: they share its programs."""
    every = [e.name for e in names.of(kind) if e.origin == "padl" and e.name not in OF_A_USER]
    return [pytest.param(kind, n, each, id=f"{n}-{each.name}") for n in every for each in checks_for(kind)]


@pytest.mark.parametrize(("kind", "name", "check"), [*rows("model"), *rows("task"), *rows("schedule")])
def test_an_item_keeps_its_promise(kind, name, check):
    found = outcome_of(check, subject(kind, name), subject(kind, name).traits.get("exempt", {}))
    assert found.status in ("pass", "not for it", "exempt"), f"{found.reason}\n{found.case}"


GUESSES = {"digits": ("loss", 2.3026), "permeability": ("r2", 0.0)}


@pytest.mark.parametrize("name", GUESSES)
def test_the_best_constant_guess_is_measured(name):
    metric, score = GUESSES[name]
    assert subject("task", name).guess()[metric] == pytest.approx(score, abs=0.03)  # log 10, and of 256 rows
