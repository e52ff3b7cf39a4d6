"""Check what is registered by its name, signature and decorator alone: nothing is made of it, nothing traced.

mistakes, unresolved, hints. A mistake is refused as it is registered, and a plugin with one is listed as broken; a hint
is a line where the plugin is listed or shown.
"""

import inspect
import re
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from padl.checked_calls import no_conflict
from padl.decorator_words import word_mistakes
from padl.types import DOMAINS, Domain, Kind, PadlError

SELECTED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")  # what a command line takes for a name, without quotes
YAML_WORDS = ("null", "true", "false")
RESERVED = {  # keys of a configuration that stand beside hyperparameters
    "name": ("optimizer", "loss", "model", "task", "schedule"),
    "wrap": ("optimizer",),
    "groups": ("optimizer",),
}
HOUSE_WORDS = {  # of an optimizer
    "lr": "learning_rate",
    "step_size": "learning_rate",
    "stepsize": "learning_rate",
    "beta1": "b1",
    "beta2": "b2",
    "beta_1": "b1",
    "beta_2": "b2",
    "epsilon": "eps",
    "wd": "weight_decay",
}
DATA = ("optimizer", "loss", "schedule")  # kinds whose numbers are data; of a model or a task they may choose


class Argument(Protocol):
    """A hyperparameter, as the registry has it."""

    @property
    def name(self) -> str: ...

    @property
    def annotation(self) -> Any: ...

    @property
    def default(self) -> Any: ...

    @property
    def traced(self) -> bool: ...

    @property
    def domain(self) -> Domain: ...

    @property
    def required(self) -> bool: ...

    @property
    def nested(self) -> bool: ...

    def check(self, value: Any, where: str) -> Any: ...


class Registered(Protocol):
    """What is registered under one name, as the registry has it."""

    @property
    def kind(self) -> Kind: ...

    @property
    def name(self) -> str: ...

    @property
    def function(self) -> Any: ...

    @property
    def family(self) -> str: ...

    @property
    def reference(self) -> str: ...

    @property
    def traits(self) -> Mapping[str, Any]: ...

    @property
    def place(self) -> Any: ...

    @cached_property
    def hyperparameters(self) -> Mapping[str, Any]: ...


def unresolved(entry: Registered) -> str:
    """Say which annotation names what is not there; "" where all can be read.

    As a decorator runs, that may be a name that its module gives later.
    """
    try:
        _ = entry.hyperparameters
    except PadlError as error:
        module = getattr(entry.function, "__module__", None)
        theirs = entry.place is not None and module != entry.place.module
        return f"{error}{f', in {module}: register a function of your own that calls it' if theirs else ''}"
    return ""


def mistakes(entry: Registered) -> list[str]:
    """Return what is wrong with an entry, a line each; [] for one that can be used.

    Its name can be selected, its decorator's words are known, its annotations can be read, its arguments have names
    that a configuration can give them and defaults that are plain data of their type and in their domain.
    """
    words = {"family": entry.family, "reference": entry.reference, **entry.traits}
    found = [*_of_name(entry), *word_mistakes(entry.kind, words), *_of_arguments(entry)]
    if why := unresolved(entry):
        return [*found, why]
    each = [line for argument in entry.hyperparameters.values() for line in _of_default(argument)]
    return [*found, *each] if found or each else _of_defaults_together(entry)


def _of_name(entry: Registered) -> Iterator[str]:
    name = entry.name
    if not isinstance(name, str) or not SELECTED.fullmatch(name):
        yield f"{name!r} cannot be selected as {entry.kind}=NAME: a name is of letters of a-z, digits, _ and -"
    elif name.lower() in YAML_WORDS or _is_number(name):
        yield f"'{name}' cannot be selected as {entry.kind}=NAME: it would be read as a value"
    elif (entry.kind, name) == ("loss", "auto"):
        yield "loss=auto chooses the loss of the task: give another name"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _of_arguments(entry: Registered) -> Iterator[str]:
    """What a configuration cannot give. A class may gather arguments that it hands to another: those are not given."""
    is_class = inspect.isclass(entry.function)
    try:
        parameters = list(
            inspect.signature(entry.function.__init__ if is_class else entry.function).parameters.values()
        )
    except (TypeError, ValueError):  # of a function in C
        yield "its signature cannot be read: register a function of your own around it"
        return
    for each in parameters[is_class:]:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) and not is_class:
            stars = "*" if each.kind is each.VAR_POSITIONAL else "**"
            yield f"its signature has {stars}{each.name}: write each argument out, as it says what can be given"
        elif entry.kind in RESERVED.get(each.name, ()):
            yield f"an argument cannot be called '{each.name}', which is a key of {entry.kind} itself"
        elif not each.name.isascii():
            yield f"its argument '{each.name}' cannot be given on a command line: use letters of a-z"


def _of_default(argument: Argument) -> Iterator[str]:
    name, default = argument.name, argument.default
    if argument.required or (argument.nested and default is None):
        return
    if not _is_plain(default):
        yield f"its default {name}={_shown(default)} is no plain data: {_advice(argument)}"
        return
    if argument.nested:
        if not isinstance(default, str):
            yield f"its default {name}={default!r} is no name of an optimizer"
        return
    try:
        argument.check(default, name)
    except PadlError as error:
        yield f"its default {error}{_whose_domain(argument, str(error))}"


def _is_plain(value: Any) -> bool:
    """Whether a configuration can hold a default, and equal ones are equal keys."""
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return type(value).__hash__ is not None and all(map(_is_plain, value.values()))
    return value is None or type(value) in (bool, int, float, str)


def _shown(value: Any) -> str:
    text = getattr(value, "__name__", None) or repr(value)
    return text if len(text) < 60 and text.isprintable() else f"{type(value).__name__}(...)"


def _advice(argument: Argument) -> str:
    value, name = argument.default, argument.name
    if hasattr(value, "dtype") and getattr(value, "shape", None) == ():
        return f"write the number, {name}={float(value):.6g}"
    if argument.nested:
        return f"write the name of an optimizer, {name}: Optimizer = 'sgd'"
    if isinstance(value, (list, set)):
        return f"write a tuple, {name}={tuple(value)!r}"
    if isinstance(value, dict):
        return f"write {name}=None, and make it in the function"
    return f"write text, as {name}: Literal['...'], and choose by it in the function"


def _whose_domain(argument: Argument, refusal: str) -> str:
    """Where a domain comes from, and how an argument has one of its own."""
    if "outside its domain" not in refusal:
        return ""
    if argument.domain is not DOMAINS.get(argument.name):
        return ", as its annotation says"
    of = "Scalar" if argument.traced else getattr(argument.annotation, "__name__", "...")
    return (
        f", that of PADL's word '{argument.name}' (padl/types.py): another word is free, and"
        f" {argument.name}: Annotated[{of}, Domain(low, high)] has its own"
    )


def _of_defaults_together(entry: Registered) -> list[str]:
    """What the entry's own `conflict` says of its defaults."""
    values = {name: argument.default for name, argument in entry.hyperparameters.items()}
    try:
        line = entry.traits.get("conflict", no_conflict)(values)
    except Exception as error:  # a stranger's code
        return [f"its conflict= fails for its defaults: {type(error).__name__}: {error}"]
    return [f"its defaults are in conflict: {line}"] if line else []


def hints(entry: Registered) -> list[str]:
    """Return what an author may have meant otherwise, a line each. Of an entry without mistakes."""
    arguments = entry.hyperparameters
    found = [line for name in arguments if entry.kind == "optimizer" for line in _of_word(name, arguments)]
    others = [each for each in arguments.values() if not each.nested]
    bare = [each.name for each in others if each.annotation is Any]
    floats = [each.name for each in others if not each.traced and _holds_float(each.annotation)]
    needed = [each.name for each in others if each.required]
    if bare:
        found.append(f"{_list(bare)} no annotation: Scalar is data, int, bool and Literal choose the program")
    if floats and entry.kind in DATA:
        found.append(
            f"{', '.join(floats)}: annotated float, each value is a program of its own; Scalar is data, and all values"
            " are swept in one"
        )
    if needed:
        found.append(f"{_list(needed)} no default, and must be given everywhere")
    if not (inspect.getdoc(entry.function) or "").strip():
        found.append("it has no docstring: the first line is what it is listed with")
    if not entry.reference and entry.kind != "schedule":
        found.append(f"it has no reference: @{entry.kind}(reference='Authors year, where')")
    return found


def _list(names: Sequence[str]) -> str:
    """`a has`, `a, b have`."""
    return f"{', '.join(names)} {'has' if len(names) == 1 else 'have'}"


def _of_word(name: str, names: Collection[str]) -> Iterator[str]:
    usual = HOUSE_WORDS.get(name)
    if usual and usual not in names:
        yield f"{name}: did you mean {usual}? {_missed(usual)}"


def _missed(word: str) -> str:
    """What a word of the house brings."""
    if word == "learning_rate":
        return "Schedules and padl compare go by that word"
    return "That word has its domain and its range in a search already"


def _holds_float(annotation: Any) -> bool:
    """Whether a number is among the values of an annotation."""
    if annotation is float:
        return True
    return typing.get_origin(annotation) is not tuple and any(map(_holds_float, typing.get_args(annotation)))
