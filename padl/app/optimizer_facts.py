"""Say of a registered optimizer what can be told by tracing it: its state, what it reads, judges and measures.

OptimizerFacts, facts_of, year_of.
"""

import re
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax

from padl.app.plugin_errors import told
from padl.engine.rule_calls import started
from padl.optimizers.transformation import measures_of, needs_of, readout_of, trained
from padl.registry import Entry
from padl.rule_errors import RuleError
from padl.types import PadlError

SHAPE = (100, 100)  # of the matrix by which the arrays of a state are counted


@dataclass(frozen=True)
class OptimizerFacts:
    """What tracing an optimizer tells.

    Attributes:
        state: arrays of the size of a matrix that it keeps; of a wrapper its own. needs: what it reads beside
            gradient, state and parameters. measures: names that a run can log.
        judges_others: whether other parameters are judged and kept than those that are trained.
    """

    state: float
    needs: tuple[str, ...]
    measures: tuple[str, ...]
    judges_others: bool


def facts_of(entry: Entry) -> OptimizerFacts:
    """Trace an optimizer with its default hyperparameters.

    Raises:
        PadlError: it is a stranger's, and fails.
    """
    try:
        optimizer = made(entry)
        params = {"kernel": jnp.zeros(SHAPE)}
        state, measured = jax.eval_shape(lambda p: _state_and_measures(optimizer, p), params)
    except Exception as error:  # a stranger's code
        is_known = isinstance(error, PadlError) and not isinstance(error, RuleError)
        why = str(error) if is_known else told(error, [(entry, None)])
        raise PadlError(f"optimizer '{entry.name}' from {entry.origin} fails: {why}") from error
    size = SHAPE[0] * SHAPE[1]
    arrays = sum(x.size for x in jax.tree.leaves(state) if x.size > 1) / size
    declared = tuple(sorted(needs_of(optimizer))) if hasattr(optimizer, "needs") else ()
    return OptimizerFacts(arrays, declared, tuple(measured), readout_of(optimizer) is not trained)


def made(entry: Entry) -> optax.GradientTransformation:
    """Make an optimizer with its default hyperparameters; a wrapper around `sgd`, which has no state."""
    choice, scalars = entry.split(entry.stand_ins)
    return choice(**scalars)


def year_of(reference: str) -> int | None:
    """Return the year of the first publication that a reference names; None where it names none.

    >>> year_of("Kingma & Ba 2015, arXiv:1412.6980, algorithm 1")
    2015
    """
    found = re.search(r"\b(1[89]\d\d|20\d\d)\b", reference)
    return int(found.group()) if found else None


def _state_and_measures(optimizer: optax.GradientTransformation, params: dict) -> tuple:
    state = started(optimizer, params)
    measured = measures_of(optimizer)(state, params, params)
    return state, measured
