"""Names: what is registered under which name, with which hyperparameters, by whom.

    @optimizer(family="adam", reference="Kingma & Ba 2015, arXiv:1412.6980")
    def adam(learning_rate: ScalarOrSchedule = 1e-3, ...): ...

The decorated function comes back with its signature, and looks at the hyperparameters of every call as a call by name
does. The signature is the only schema: the config node, the command line, the listing, the validation and the split
into program and data are all read off it.
"""

import contextlib
import importlib
import inspect
import math
import numbers
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from padl.checked_calls import checked, no_conflict, over_steps
from padl.coercion import FrozenDict, argument_hints, coerce, describe, notes
from padl.decorator_words import without_parentheses
from padl.errors import near as near
from padl.messages import warn
from padl.nested import without
from padl.norm_order import ordered
from padl.origins import MAIN, PADL, Place, loading, place_of
from padl.signature_checks import mistakes, unresolved
from padl.types import DOMAINS, KINDS, Domain, Kind, Nested, PadlError, Traced

F = TypeVar("F", bound=Callable[..., Any])
ANYTHING = Domain()
NOT_HYPERPARAMETERS = ("where", "reduction", "rngs", "roles")  # arguments that PADL passes itself


@dataclass(frozen=True)
class StaticPartial:
    """A function with the part of its arguments that chooses the program. Equal choices share one compilation.

    An argument that is such a function itself, as a rule within a rule, is called with the mapping given for it.
    `roles` go to each of them that has an argument of this name.
    """

    function: Callable[..., Any]
    static: tuple[tuple[str, Any], ...] = ()

    @property
    def wants_roles(self) -> bool:
        """Whether it is to be given the roles of the parameters."""
        return _takes_roles(self.function) or any(each.wants_roles for _, each in self._inner)

    @property
    def _inner(self) -> list[tuple[str, "StaticPartial"]]:
        return [(name, each) for name, each in self.static if isinstance(each, StaticPartial)]

    def __call__(self, *args: Any, roles: Any = None, **traced: Any) -> Any:
        to = lambda takes: {"roles": roles} if takes and roles is not None else {}  # noqa: E731
        inner = {name: each(**traced.pop(name, {}), **to(each.wants_roles)) for name, each in self._inner}
        return self.function(*args, **{**dict(self.static), **inner}, **traced, **to(_takes_roles(self.function)))


@cache
def _takes_roles(function: Callable[..., Any]) -> bool:
    """Whether a function has an argument `roles`."""
    try:
        return "roles" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # of a function in C
        return False


class Hyperparameter(NamedTuple):
    """One argument of a registered function, as its signature states it; `nested` where its values are optimizers."""

    name: str
    annotation: Any
    default: Any
    traced: bool
    domain: Domain
    required: bool = False
    nested: bool = False

    def made(self, value: Any) -> Any:
        """What a function is given for a checked value: of an optimizer by name the transformation."""
        if not (self.nested and isinstance(value, Mapping)):
            return value
        return optimizer.get(value["name"]).function(**without(value, "name"))

    def check(self, value: Any, where: str) -> Any:
        """`value` in its declared type, or a PadlError that names `where`, what was expected and what came."""
        try:
            return self._checked(value, where)
        except OverflowError as error:
            raise PadlError(f"{where} is too large a number") from error

    def _checked(self, value: Any, where: str) -> Any:
        if self.nested:
            default = {"name": self.default} if isinstance(self.default, str) else {}
            return _checked_optimizer({**default, **value} if isinstance(value, Mapping) else value, where)
        fits, value = coerce(value, self.annotation)
        if not fits:
            raise PadlError(f"{where}={value!r} is not {describe(self.annotation) or self.annotation}")
        if self.traced and callable(value):
            _refuse_shape(value, where)
        for x in value if isinstance(value, tuple) else (value,):
            if not isinstance(x, numbers.Real) or isinstance(x, bool):
                continue
            if math.isnan(x) or x not in self.domain:
                raise PadlError(f"{where}={value!r} is outside its domain {self.domain}")
            with np.errstate(over="ignore"):
                rounded = float(np.float32(x))
            if self.traced and rounded not in self.domain:
                raise PadlError(f"{where}={value!r} is {rounded:g} in float32, outside its domain {self.domain}")
        return value


def _checked_optimizer(value: Any, where: str) -> Any:
    """An optimizer as {"name": ..., all its hyperparameters}; a transformation as it is."""
    value = {"name": value} if isinstance(value, str) else value
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        try:
            entry = optimizer.get(value["name"])
        except PadlError as error:
            raise PadlError(f"{where}: {error}") from error
        return FrozenDict({"name": entry.name, **entry.check(without(value, "name"), f"{where}.")})
    if hasattr(value, "init") and hasattr(value, "update"):
        return value
    if isinstance(value, Mapping) and "name" not in value:
        raise PadlError(f"{where} names no optimizer: give {where}=NAME ('padl list optimizer')")
    raise PadlError(f"{where}={value!r} is not an optimizer: give a name, or {{name: NAME, hyperparameters}}")


@dataclass(frozen=True)
class Entry:
    """What is registered under one name.

    Attributes:
        origin: whose it is, in words. place: of the code that registered it, None where that is not known.
        traits: what else its kind declares.
    """

    kind: Kind
    name: str
    function: Callable[..., Any]
    family: str
    reference: str
    origin: str
    traits: Mapping[str, Any] = field(default_factory=dict)
    place: Place | None = None

    @cached_property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """Those that the function declares, or that its signature states."""
        declared = getattr(self.function, "hyperparameters", None)
        return hyperparameters_of(self.kind, self.function) if declared is None else declared

    @property
    def stand_ins(self) -> dict[str, Any]:
        """What can be given for the optimizers that it must have within, where none is meant: {argument: "sgd"}."""
        return {name: "sgd" for name, h in self.hyperparameters.items() if h.nested and h.required}

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def check(self, values: Mapping[str, Any], where: str = "") -> dict[str, Any]:
        """Return all hyperparameters, `values` over defaults.

        Args:
            where: what comes before their names in a message; `optimizer.` of an optimizer where not given.

        Raises:
            PadlError: a wrong type, one outside its domain, or what the entry says of some together that would do
                nothing, or not what they say.
        """
        where = where or f"{self.kind}."
        checked = check(values, self.hyperparameters, where=where, owner=f"{self.kind} '{self.name}'")
        conflict = self.traits.get("conflict", no_conflict)(checked)
        if conflict:
            raise PadlError(f"{self.kind} '{self.name}': {conflict}")
        return checked

    def split(self, values: Mapping[str, Any]) -> tuple[StaticPartial, dict[str, Any]]:
        """Return the program and its data: a `StaticPartial` with the static arguments, and the traced scalars.

        Those of an optimizer within it are under its argument's name, as {"inner": {"learning_rate": ...}}.
        """
        return self.split_checked(self.check(values))

    def split_checked(self, values: Mapping[str, Any]) -> tuple[StaticPartial, dict[str, Any]]:
        """Split what `check` returned, as `split` does."""
        data = {k for k, h in self.hyperparameters.items() if h.traced and values[k] is not None}
        traced: dict[str, Any] = {k: v for k, v in values.items() if k in data and not callable(v)}
        static = {k: v for k, v in values.items() if k not in traced}
        for name, value in static.items():
            if self.hyperparameters[name].nested and isinstance(value, Mapping):
                within = optimizer.get(value["name"])
                static[name], traced[name] = within.split_checked(without(value, "name"))
        return StaticPartial(self.function, tuple(static.items())), traced


def hyperparameters_of(kind: str, function: Callable[..., Any]) -> dict[str, Hyperparameter]:
    """Return the hyperparameters of a function of this kind: all arguments of an optimizer or a task, and those behind
    the star of what is given predictions, a shape or a fraction first."""
    return signature(function, keyword_only=kind not in ("optimizer", "task"))


def signature(function: Callable[..., Any], keyword_only: bool = False) -> dict[str, Hyperparameter]:
    """The hyperparameters of `function`: its arguments, or only the keyword-only ones, less those the house passes."""
    hints = argument_hints(function)
    hyperparameters = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in NOT_HYPERPARAMETERS or (keyword_only and parameter.kind is not parameter.KEYWORD_ONLY):
            continue
        said = notes(hints.get(name, Any))
        domain = next((n for n in said if isinstance(n, Domain)), DOMAINS.get(name, ANYTHING))
        traced = any(isinstance(n, Traced) for n in said)
        default = None if parameter.default is parameter.empty else parameter.default
        required = parameter.default is parameter.empty
        nested = any(isinstance(n, Nested) for n in said)
        hyperparameters[name] = Hyperparameter(name, hints.get(name, Any), default, traced, domain, required, nested)
    return hyperparameters


def check(
    values: Mapping[str, Any], allowed: Mapping[str, Hyperparameter], *, where: str, owner: str
) -> dict[str, Any]:
    """Return `values` over the defaults of `allowed`; PadlError for an unknown key, a wrong type, a bad value."""
    for key in values:
        if key not in allowed:
            known = ", ".join(allowed) or "none"
            raise PadlError(f"{owner} has no '{where}{key}'{near(key, allowed)} (it has: {known})")
    for key, hyperparameter in allowed.items():
        if hyperparameter.required and values.get(key) is None:
            raise PadlError(f"{where}{key} of {owner} has no default: give it a value")
    return {k: h.check(values.get(k, h.default), where + k) for k, h in allowed.items()}


def _refuse_shape(function: Callable[..., Any], where: str) -> None:
    """Raise PadlError where a learning rate is to follow a schedule of the fraction of training: it is given steps."""
    function = getattr(function, "func", function)
    for entry in REGISTRIES["schedule"]:
        if entry.function is function:
            raise PadlError(
                f"{where} is given the step count, and schedule '{entry.name}' takes the fraction of training: "
                f"{over_steps(entry.name)}"
            )


class Registry:
    """One kind of things by name. Called, it is the decorator that registers."""

    def __init__(self, kind: Kind):
        self.kind: Kind = kind
        self._entries: dict[str, Entry] = {}

    def __call__(
        self, *bare: Any, name: str = "", family: str = "", reference: str = "", **traits: Any
    ) -> Callable[[F], F]:
        """Register the decorated function under `name`, its own by default.

        Args:
            family: which relatives it stands with in listings.
            reference: the paper, and where it matters the equation.
            traits: what else this kind declares, of `padl.decorator_words` (a loss its `targets`, a task its default
                `loss` and `model`). Of any kind `conflict`: {every hyperparameter: value} -> a line on those that
                together would do nothing; and `same_value`: {hyperparameter: what it is for}, of those that change no
                value.

        Raises:
            PadlError: the name is taken; by name, words, annotations or defaults it could not be used
                (`padl.signature_checks`). PADL's own are looked at by a test.
        """
        if bare:
            _attempts.append((self.kind, name or getattr(bare[0], "__name__", str(bare[0]))))
            raise PadlError(without_parentheses(self.kind, bare[0]))
        place = place_of(sys._getframe(1))

        def register(function: F) -> F:
            label = name or getattr(function, "__name__", type(function).__name__)
            _attempts.append((self.kind, label))
            if place.origin != PADL:
                self._refuse(Entry(self.kind, label, function, family, reference, place.origin, traits, place))
            if self.kind == "optimizer":
                function = ordered(label, traits, function)
            function = checked(self.kind, function, hyperparameters_of, traits.get("conflict", no_conflict))
            self.add(Entry(self.kind, label, function, family, reference, place.origin, traits, place))
            return function

        return register

    def _refuse(self, entry: Entry) -> None:
        """Raise PadlError for what could not be used; what its annotations name may come later in its module."""
        later = unresolved(entry)
        wrong = [line for line in mistakes(entry) if line != later]
        if wrong:
            raise PadlError(f"{self.kind} '{entry.name}': {'; '.join(wrong)}")
        if later:
            _looked_at_later.append((self.kind, entry.name))

    def add(self, entry: Entry) -> None:
        """Register an entry. One that replaces an earlier one of the same place says so in a line.

        Where PADL's own comes after a stranger's of that name, it takes its place, and `check_refused` says so.

        Raises:
            PadlError: the name is taken, by PADL or from another place; it names both.
        """
        taken = self._entries.get(entry.name)
        if taken is None:
            self._entries[entry.name] = entry
        elif _is_same_place(taken, entry):
            self._entries[entry.name] = entry
            warn(f"{self.kind} '{entry.name}' from {taken.origin} is replaced")
        elif entry.origin == PADL:
            self._entries[entry.name] = entry
            _refused.append(_twice(entry, taken))
        else:
            raise PadlError(_twice(taken, entry))

    def make_functions(self, of: Callable[[Any], Callable[..., Any]]) -> None:
        """Put what `of` makes of each registered function in its place, where that is another."""
        for entry in [each for each in self if of(each.function) is not each.function]:
            self._entries[entry.name] = replace(entry, function=of(entry.function))

    def get(self, name: str) -> Entry:
        """Raises PadlError for an unknown name, with the nearest one known."""
        if name not in self._entries:
            advice = f"'padl list {self.kind}' shows all {len(self._entries)}"
            raise PadlError(f"no {self.kind} '{name}'{near(str(name), self._entries) or ';'} {advice}")
        return self._entries[name]

    def names(self) -> list[str]:
        return sorted(self._entries)

    def functions_of(self, module: str) -> Callable[[str], object]:
        """Make the `__getattr__` of a module whose attributes are the registered functions."""

        def attribute(name: str) -> object:
            if name in self._entries:
                return self._entries[name].function
            raise AttributeError(f"module {module!r} has no attribute {name!r}")

        return attribute

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())


_attempts: list[tuple[Kind, str]] = []  # what decorators were called for, refused or not
_looked_at_later: list[tuple[Kind, str]] = []  # those of them whose annotations could not be read yet
_refused: list[str] = []  # what was registered under a name of PADL's before PADL's own was


def check_refused() -> None:
    """Raise PadlError, once, for what was registered under a name of PADL's before PADL's own was."""
    if _refused:
        message = _refused[0]
        _refused.clear()
        raise PadlError(message)


def _twice(first: Entry, second: Entry) -> str:
    return (
        f"{first.kind} '{first.name}' is there twice, one from {first.origin}, one from {second.origin}:"
        " give one of them another name"
    )


def _is_same_place(taken: Entry, entry: Entry) -> bool:
    """Whether an entry is a later form of one: of `__main__`, or of one qualified name in one module."""
    if taken.place is None or entry.place is None or not entry.place.is_same_as(taken.place):
        return False
    names = {getattr(each.function, "__qualname__", each.name) for each in (taken, entry)}
    return entry.place.module == MAIN or len(names) == 1


@contextlib.contextmanager
def origin(whose: str, package: str = "") -> Iterator[list[tuple[Kind, str]]]:
    """What registers inside this context is recorded as coming from `whose`; if it fails, nothing of it stays.

    Args:
        package: only modules of this top-level package are; "" takes all for theirs, PADL's own excepted.

    Yields:
        A list that has, behind the context, the kind and name of all that tried to register.

    Raises:
        PadlError: behind it, with its place, for one whose annotations could not be read before: they cannot be read
            now either, or something else is wrong with it.
    """
    before = {kind: dict(REGISTRIES[kind]._entries) for kind in KINDS}
    attempts, begun, later = [], len(_attempts), len(_looked_at_later)
    try:
        with loading(whose, package):
            yield attempts
        for entry in [REGISTRIES[kind].get(name) for kind, name in _looked_at_later[later:]]:
            if wrong := mistakes(entry):
                raise PadlError(f"{entry.place or whose}: {entry.kind} '{entry.name}': {'; '.join(wrong)}")
    except BaseException:
        for kind in KINDS:
            REGISTRIES[kind]._entries = before[kind]
        raise
    finally:
        attempts += _attempts[begun:]


def discover(package: str, path: Iterable[str]) -> None:
    """Import every module of a package, so that what they decorate is registered."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")


REGISTRIES: dict[Kind, Registry] = {kind: Registry(kind) for kind in KINDS}
optimizer, loss, model, task, schedule = REGISTRIES.values()
