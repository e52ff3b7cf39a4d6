"""What is measured of an optimizer, and judged by nobody: a card of facts. OptimizerCard, SlowFacts, card."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np

from padl.conformance.checked_optimizer import CheckedOptimizer
from padl.conformance.costs import Costs, StateBytes, costs, state_bytes
from padl.conformance.invariances import Invariance, invariances
from padl.conformance.known_rules import Equality, equalities
from padl.conformance.responses import Responses, responses
from padl.conformance.rounded_products import Roundings, roundings
from padl.types import one_line

T = TypeVar("T")


class NotMeasured(NamedTuple):
    """Why something could not be measured, in a line."""

    reason: str


class SlowFacts(NamedTuple):
    """What takes more than a moment."""

    equalities: tuple[Equality, ...] | NotMeasured
    roundings: Roundings | NotMeasured
    costs: Costs | NotMeasured


@dataclass(frozen=True)
class OptimizerCard:
    """Facts of an optimizer at its defaults.

    Attributes:
        slow: None where it was not asked for.
    """

    label: str
    invariances: tuple[Invariance, ...] | NotMeasured
    responses: Responses | NotMeasured
    state_bytes: StateBytes | NotMeasured
    slow: SlowFacts | None = None


def card(rule: CheckedOptimizer, known: Mapping[str, CheckedOptimizer] | None = None) -> OptimizerCard:
    """Measure an optimizer.

    Args:
        known: rules that it may equal, by their names and the simplest first; with them, and {} too, what is slow is
            measured. None leaves it out.
    """
    quick = OptimizerCard(rule.label, _tried(invariances, rule), _tried(responses, rule), _tried(state_bytes, rule))
    if known is None:
        return quick
    equal = _tried(lambda rule: equalities(rule, known), rule)
    return replace(quick, slow=SlowFacts(equal, _tried(roundings, rule), _tried(costs, rule)))


def _tried(measure: Callable[[CheckedOptimizer], T], rule: CheckedOptimizer) -> T | NotMeasured:
    """What a measurement gives, or why it gives nothing: a stranger's code may fail where it is checked as well."""
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # a rule may leave what numbers can hold
            return measure(rule)
    except Exception as error:
        return NotMeasured(one_line(error))
