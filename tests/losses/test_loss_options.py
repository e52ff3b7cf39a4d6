"""No hyperparameter of a loss does nothing: each is changed, and values, gradient or what is refused follow.

The arguments are those of tests/losses/cases.py; a loss that is not in there, as a plugin's, is given those of one
that takes the same.
"""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES, Case
from perturbed import as_data
from test_options import does_something, hyperparameters

from padl.app import names
from padl.registry import Entry
from padl.types import PadlError


def cases_of(entry: Entry) -> list[Case]:
    """The cases of a loss, or of those that take the same."""
    takes = lambda loss: (loss.traits.get("predictions"), loss.traits.get("targets"))  # noqa: E731
    own = [case for case in CASES.values() if case.name == entry.name]
    return own or [case for case in CASES.values() if takes(names.find("loss", case.name)) == takes(entry)]


DEPTHS = ("values", "gradient", "refusals")  # of what is looked at, the cheap first


@cache
def found_for(name: str, depth: str, values: tuple[tuple[str, Any], ...]) -> list[Any]:
    """Values and mean; or gradient; or the same, or what refuses it, of targets that cannot be."""
    entry = names.find("loss", name)
    hyperparameters = {k: as_data(entry.hyperparameters[k], v) for k, v in entry.check(dict(values)).items()}
    loss = partial(entry.function, **hyperparameters, reduction="mean")
    look = jax.grad(loss) if depth == "gradient" else lambda *given: (loss(*given), loss(*given, reduction="none"))
    found = []
    for case in cases_of(entry)[:2]:
        arguments = [jnp.asarray(a, jnp.float32 if a.dtype.kind == "f" else None) for a in case.arguments]
        both = impossible(arguments), shorter(arguments)
        found += [result(look, given) for given in (both if depth == "refusals" else (arguments,))]
    return found


def impossible(arguments: list[jax.Array]) -> list[jax.Array]:
    """Whole numbers, or else the last argument, far below what can be."""
    whole = [jnp.issubdtype(a.dtype, jnp.integer) for a in arguments]
    whole[-1] |= not any(whole)
    return [a - 100 if is_whole else a for a, is_whole in zip(arguments, whole, strict=True)]


def shorter(arguments: list[jax.Array]) -> list[jax.Array]:
    """The last argument but one smaller by 1, where it is of whole numbers: fewer frames than a sequence needs."""
    counts = arguments[-2]
    counts = jnp.maximum(counts - 1, 0) if jnp.issubdtype(counts.dtype, jnp.integer) else counts
    return [*arguments[:-2], counts, arguments[-1]]


def result(look: Any, arguments: list[jax.Array]) -> Any:
    try:
        return look(*arguments)
    except (PadlError, ValueError, TypeError) as refused:
        return str(refused)


@pytest.mark.parametrize(("entry", "name"), hyperparameters("loss"))
def test_every_hyperparameter_of_a_loss_changes_its_values_or_what_it_refuses(entry, name):
    looks = (lambda values, depth=depth: found_for(entry.name, depth, tuple(values.items())) for depth in DEPTHS)
    assert any(does_something(entry, name, look) for look in looks)


@pytest.mark.parametrize(
    ("entry", "name"), [(entry, name) for entry in names.of("loss") for name in entry.traits.get("same_value", {})]
)
def test_a_hyperparameter_that_is_said_to_change_no_value_changes_none(entry, name):
    assert not does_something_but_rounding(entry, name)


def does_something_but_rounding(entry: Entry, name: str) -> bool:
    before, after = ([found_for(entry.name, depth, values) for depth in DEPTHS] for values in ((), ((name, 1),)))
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    return not all(a == b if isinstance(a, str) else np.allclose(a, b, rtol=1e-5, equal_nan=True) for a, b in pairs)
