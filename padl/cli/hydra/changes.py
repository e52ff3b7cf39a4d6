"""Read the words KEY=VALUE that change a recorded run, in Hydra's grammar. read_changes."""

from collections.abc import Sequence
from typing import Any

from padl.cli.hydra.arguments import with_quoted_sign
from padl.cli.hydra.nodes import GROUPS
from padl.types import PadlError


def read_changes(words: Sequence[str]) -> dict[str, Any]:
    """Read words as `optimizer=sgd`, `model.widths=[8,8]`, `+task.types.price=number`: {key: value in Python's types}.

    Raises:
        PadlError: a word that does not parse, that gives several values or takes a key away, or that is none of a
            single run; a key given twice.
    """
    changes: dict[str, Any] = {}
    for word in words:
        key, value = _read(word)
        if key in changes:
            raise PadlError(f"{key} is given twice: leave one out")
        changes[key] = value
    return changes


def _read(word: str) -> tuple[str, Any]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(with_quoted_sign(word))
    except (HydraException, ValueError) as error:
        example = """'task.path="größe.csv"'"""
        raise PadlError(
            f"{word} cannot be read: a key is given as optimizer.learning_rate=0.01; text with other signs than"
            f" letters, digits and /._- wants quotes of its own: {example}"
        ) from error
    key = override.key_or_group
    if override.is_delete():
        raise PadlError(f"{word}: a recorded run has every key; to have its usual value give it, or null")
    if override.is_sweep_override():
        raise PadlError(f"{word} gives several values, and padl rerun runs one: padl train -m runs each")
    if key in GROUPS or key.startswith("hydra"):
        raise PadlError(f"{key}= is for padl train, which composes anew: change single keys of a recorded run")
    value = _plain(override.value())
    if "${" in str(value):
        raise PadlError(f"{word}: a value stands for itself here, ${{...}} is for padl train")
    return key, value


def _plain(value: Any) -> Any:
    """Hydra's values as Python's: quoted texts as texts."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    return getattr(value, "text", value)
