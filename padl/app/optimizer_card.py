"""Measure an optimizer, and compare it with rules that everybody knows. card_of, known_rules, plain."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from padl.app import names
from padl.app.checked_things import checked_entry
from padl.conformance.checked_optimizer import CheckedOptimizer
from padl.conformance.measurements import OptimizerCard, card

KNOWN = (
    "sgd",
    "momentum",
    "nesterov",
    "signsgd",
    "signum",
    "lion",
    "adagrad",
    "rmsprop",
    "adam",
    "adamw",
    "adamax",
)  # the simplest first


def card_of(rule: CheckedOptimizer, slow: bool = False) -> OptimizerCard:
    """Measure an optimizer.

    Args:
        slow: whether to measure what takes more than a moment too: which known rule it equals, what rounded products
            do to it, what it costs.
    """
    return card(rule, known_rules() if slow else None)


@cache
def known_rules() -> Mapping[str, CheckedOptimizer]:
    """Make the rules that an optimizer is compared with, by their names; once, as each is a program to compile."""
    return {name: checked_entry(names.find("optimizer", name)) for name in KNOWN}


def plain(card: Any) -> Any:
    """Make what JSON can hold of a card or of a part of it; None for a number that is none or infinite."""
    if is_dataclass(card):
        return {each.name: plain(getattr(card, each.name)) for each in fields(card)}
    if hasattr(card, "_asdict"):
        return plain(card._asdict())
    if isinstance(card, Mapping):
        return {name: plain(each) for name, each in card.items()}
    if isinstance(card, (tuple, frozenset)):
        return [plain(each) for each in card]
    return None if isinstance(card, float) and not math.isfinite(card) else card
