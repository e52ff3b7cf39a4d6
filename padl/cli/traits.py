"""What an entry declares of itself, in words: the facts on its card."""

from collections.abc import Mapping
from typing import Any

from padl.registry import Entry

PREDICTIONS = {
    "values": "real numbers",
    "scores": "scores: real numbers",
    "logits": "logits: real numbers, or -∞ for never",
    "frames": "logits of each frame: real numbers, or -∞ for never",
    "log_probabilities": "log-probabilities: [-∞, 0]",
    "probabilities": "probabilities: [0, 1]",
    "distances": "distances: [0, ∞)",
    "rates": "logarithms of rates: real numbers; or rates: [0, ∞)",
    "moments": "means: real numbers; and how wide they spread: [0, ∞)",
    "embeddings": "vectors of real numbers",
    "hidden": "vectors of real numbers, from which a matrix makes logits",
}
TARGETS = {
    "values": "real numbers",
    "counts": "counts: [0, ∞), usually whole numbers",
    "distributions": "probabilities: [0, 1]",
    "indicators": "[0, 1], usually 0 or 1",
    "signs": "-1 or 1",
    "order": "1 where the first score is to be the larger, -1 where the second is",
    "pairs": "1 for a similar pair, -1 for a dissimilar one",
    "labels": "whole numbers 0 .. classes-1",
    "label_lists": "whole numbers 0 .. classes-1, behind them -1",
    "tokens": "whole numbers 0 .. vocabulary-1",
    "sequences": "whole numbers 0 .. classes-1, without the blank",
    "keys": "whole numbers 0 .. keys-1; left out, each query has the key of its own row",
    "views": "vectors of real numbers: another view of each example",
    "triplets": "vectors of real numbers: one of its own kind, one of another",
}
CONVEX = {True: "yes, in the predictions", False: "no"}
DOMAINS: Mapping[str, Mapping[Any, str]] = {"predictions": PREDICTIONS, "targets": TARGETS, "convex": CONVEX}
NAMES = {"judged_by": "best by"}  # of traits whose name alone does not say what they are
ORDER = ("predictions", "targets", "range", "convex", "elicits")
HIDDEN = ("view",)  # drawn by --plot


def facts(entry: Entry) -> dict[str, str]:
    """{name: in words}: the traits, of a loss the domains first, then family, reference and origin."""
    told = sorted(entry.traits.items(), key=lambda item: ORDER.index(item[0]) if item[0] in ORDER else len(ORDER))
    named = {NAMES.get(key, key): _value(key, value) for key, value in told if key not in HIDDEN}
    return {**named, "family": entry.family, "reference": entry.reference, "origin": entry.origin}


def _value(trait: str, value: Any) -> str:
    """A domain by its word in the tables, that of a plugin as it stands; nothing as Python writes it."""
    if isinstance(value, (str, bool)) and value in DOMAINS.get(trait, {}):
        return DOMAINS[trait][value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{_value('', v)} for {k}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_value("", v) for v in value)
    return getattr(value, "__name__", "a function") if callable(value) else "" if value is None else str(value)
