"""Read what stands on a command line for Hydra: -m, words KEY=VALUE, and lists of values in its grammar."""

from collections.abc import Sequence
from typing import Any

from padl.types import PadlError

MULTIRUN = ("-m", "--multirun")
HYPERPARAMETER = "a hyperparameter is given as delta=1, or delta=0.5,1,2"


def is_multirun(arguments: Sequence[str]) -> bool:
    return any(word in MULTIRUN for word in arguments)


def settings(arguments: Sequence[str]) -> dict[str, str]:
    """The overrides of a command line: {key: value}, both as text."""
    return dict(word.lstrip("+~").split("=", 1) for word in arguments if "=" in word and not word.startswith("-"))


def listed(value: str) -> list[str]:
    """The names in `adam,sgd` or `choice(adam,sgd)`."""
    return [name.strip() for name in value.removeprefix("choice(").removesuffix(")").split(",")]


def with_debug_as_text(word: str) -> str:
    """Write `debug=nan` as `debug='nan'`, since nan would be read as a number."""
    key, _, name = word.partition("=")
    return f"debug='{name}'" if key == "debug" and name.isalpha() else word


def with_quoted_sign(word: str) -> str:
    """Quote a value that is one sign of Hydra's grammar: `task.decimal=,` -> `task.decimal=','`."""
    key, equals, sign = word.partition("=")
    is_sign = len(sign) == 1 and not sign.isalnum() and sign not in "\\$"
    quote = '"' if sign == "'" else "'"
    return f"{key}={quote}{sign}{quote}" if equals and is_sign else word


def read_hyperparameters(words: Sequence[str]) -> dict[str, list[Any]]:
    """Read words `delta=0.5,1,2` in the grammar of `padl train -m`: {name: its values}.

    Raises:
        PadlError: a word that is none, or two of one name.
    """
    values = dict(map(_read_hyperparameter, words))
    if len(values) < len(words):
        raise PadlError(f"{' '.join(words)} gives one hyperparameter twice")
    return values


def _read_hyperparameter(word: str) -> tuple[str, list[Any]]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import QuotedString, Transformer
    from hydra.errors import HydraException

    from padl.cli.hydra.ranges import with_ranges_listed

    try:
        (override,) = with_ranges_listed([OverridesParser.create().parse_override(word)])
        key, value = override.key_or_group, override.value()
        values = list(override.sweep_iterator(Transformer.identity)) if override.is_sweep_override() else [value]
    except (HydraException, ValueError) as error:
        raise PadlError(f"{word} cannot be read: {HYPERPARAMETER}") from error
    if key != word.partition("=")[0]:
        raise PadlError(f"{word} cannot be read: {HYPERPARAMETER}")
    return key, [v.text if isinstance(v, QuotedString) else v for v in values]
