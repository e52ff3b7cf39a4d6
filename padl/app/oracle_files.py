"""Find the function of NumPy that an optimizer is compared with, and see whether it fits. oracle_for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from padl.app.named_things import module_of
from padl.conformance.checked_optimizer import CheckedOptimizer
from padl.conformance.oracle import arguments_of
from padl.types import PadlError

NAME = "oracle"  # of a function that is for any optimizer


def oracle_for(oracle: Any, rule: CheckedOptimizer) -> Callable[..., Any]:
    """Return the function that an optimizer is compared with: of a file the one that is named so, or `oracle`.

    Raises:
        PadlError: there is no such file or function, it fails to load, or it has no argument for a number.
    """
    function = _of_file(Path(oracle), rule.label) if isinstance(oracle, (str, Path)) else oracle
    if not callable(function):
        raise PadlError(f"oracle={oracle!r} is a function (w, grads, **hyperparameters), or a file of one")
    missing, unknown = arguments_of(function, rule)
    of = f"the oracle {getattr(function, '__name__', 'function')}"
    if missing:
        raise PadlError(f"{of} has no argument {missing[0]}: it takes (w, grads, {', '.join(rule.own_numbers)})")
    if unknown:
        raise PadlError(f"{of} has an argument {unknown[0]} that '{rule.label}' has not, and no default for it")
    return function


def _of_file(file: Path, label: str) -> Callable[..., Any]:
    module = module_of(file)
    name = label.rpartition(".")[2].rpartition(":")[2]
    function = getattr(module, name, None) or getattr(module, NAME, None)
    if not callable(function):
        raise PadlError(f"{file} has no function '{name}' or '{NAME}': def {name}(w, grads, ...), which yields w")
    return function
