"""The words that a decorator knows for each kind, and what each takes. word_mistakes, without_parentheses, WORDS.

`@optimizer(family=..., batch="all")`: a word that is none would be a fact that nobody reads, and so is refused.
"""

from collections.abc import Callable, Mapping
from typing import Any

from padl.argument_domains import PREDICTIONS, TARGETS
from padl.errors import near
from padl.types import Kind

Takes = Callable[[Any], str]  # value -> "" where the word takes it, else what it takes, in words


def _one_of(words: Mapping[str, str], more: str = "") -> Takes:
    """Take one of some words; what is added goes behind the list of them."""

    def look(value: Any) -> str:
        if isinstance(value, str) and value in words:
            return ""
        return f"one of {', '.join(words)}{near(str(value), words)}{more}"

    return look


def _own(table: str) -> str:
    """How a plugin adds a word of its own to a table."""
    return f" (one of your own goes into padl.argument_domains.{table} first)"


def _of_type(kind: type | tuple[type, ...], words: str) -> Takes:
    return lambda value: "" if isinstance(value, kind) else words


def _all_rows(value: Any) -> str:
    return "" if value == "all" else f"'all', for all rows at every step{near(str(value), ['all'])}"


TEXT, SWITCH = _of_type(str, "text"), _of_type(bool, "True or False")
MAPPING = _of_type(Mapping, "a mapping")
BY_KIND_OF_TARGETS = _of_type((str, Mapping), "a name, or a mapping {'regression': name, 'classification': name}")
CALLABLE: Takes = lambda value: "" if callable(value) else "a function of {hyperparameter: value}"  # noqa: E731
ANYTHING: Takes = lambda value: ""  # noqa: E731

OF_ALL: Mapping[str, Takes] = {
    "name": TEXT,
    "family": TEXT,
    "reference": TEXT,
    "conflict": CALLABLE,  # {every hyperparameter: value} -> a line on those that together would do nothing
    "same_value": MAPPING,  # {hyperparameter that changes no value: what it is for}
    "exempt": MAPPING,  # {check of `padl check` that may fail: why}
    "about": MAPPING,  # {label: fact} of an author's own, which 'padl show' prints
}
WORDS: Mapping[Kind, Mapping[str, Takes]] = {
    "optimizer": {
        "batch": _all_rows,
        "conventions": MAPPING,  # {convention: Convention}
        "moves_norm": SWITCH,
        "holds_norm": SWITCH,
        "other_shapes": MAPPING,  # {slot: its shape, where that is not the parameter's}
        "laws": _of_type(
            tuple, "a tuple of laws ('padl check --list' has them)"
        ),  # which it keeps, and `padl check` tries
        "temporary": TEXT,  # memory beside its slots
        "shown_at": MAPPING,  # {hyperparameter: value at which the others show}
    },
    "loss": {
        "predictions": _one_of(PREDICTIONS, _own("PREDICTIONS")),
        "targets": _one_of(TARGETS, _own("TARGETS")),
        "range": TEXT,
        "convex": SWITCH,
        "elicits": TEXT,
        "judged_by": TEXT,  # the metric that decides, in the place of the task's
        "view": ANYTHING,  # a padl.losses.views.View
    },
    "model": {},
    "task": {"loss": BY_KIND_OF_TARGETS, "model": BY_KIND_OF_TARGETS},
    "schedule": {},
}  # each beside OF_ALL


def word_mistakes(kind: Kind, words: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the words of a decorator, a line each.

    Args:
        words: {word: value}, as they stand in it.
    """
    known = {**OF_ALL, **WORDS[kind]}
    every = f" (it has: {', '.join(known)})"
    wrong = []
    for word, value in words.items():
        if word not in known:
            wrong.append(f"@{kind} has no word '{word}'{near(word, known) or every}")
        elif expected := known[word](value):
            wrong.append(f"no {word}={value!r}: @{kind} takes {expected}")
    return wrong


def without_parentheses(kind: Kind, given: Any) -> str:
    """Say how a decorator is written that was given `given` by position."""
    if isinstance(given, str):
        return f"@{kind}({given!r}): a name is given as @{kind}(name={given!r})"
    above = getattr(given, "__name__", "the function")
    return f"@{kind} above {above} stands without parentheses: write @{kind}(), or @{kind}(family=..., reference=...)"
