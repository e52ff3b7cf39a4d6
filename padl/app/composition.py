"""Read an optimizer with what a configuration puts around it and with groups of its own. composed, visited, entries.

    optimizer: {name: adamw, learning_rate: 1e-3, wrap: {lookahead: {k: 5}}, groups: {bias: {weight_decay: 0}}}

`wrap` names wrappers in order, each around all before it. `groups` gives parameters of a role, or of a pattern for
their paths, other hyperparameters or another optimizer.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from padl.app.composed_optimizer import INNER, SCHEDULE, Composed, GroupChoice
from padl.nested import named_groups, without
from padl.norm_order import held_after
from padl.registry import Entry, Hyperparameter, StaticPartial
from padl.types import Kind, PadlError

WRAP, GROUPS = "wrap", "groups"  # keys of an optimizer beside its hyperparameters
EVERY = "every"  # key of a group beside its hyperparameters

Find = Callable[[Kind, str], Entry]  # (kind, name) -> entry


def composed(
    entry: Entry, values: Mapping[str, Any], find: Find
) -> tuple[StaticPartial, dict[str, Any], dict[str, Any]]:
    """Check an optimizer with what is around it and its groups.

    Args:
        entry: of the optimizer. values: its hyperparameters, and `wrap` and `groups` where there are some. find: looks
            a name up.

    Returns:
        What makes it; its traced scalars, those of wrappers and groups under these keys; and all values as used, with
        `wrap` and `groups` only where they are not empty.

    Raises:
        PadlError: a name that is no wrapper, an order of wrappers that is an error, a group that is none.
    """
    around = _named_mappings(values.get(WRAP), f"optimizer.{WRAP}")
    apart = _mappings(values.get(GROUPS), f"optimizer.{GROUPS}")
    used = entry.check(without(values, WRAP, GROUPS))
    rule, scalars = entry.split_checked(used)
    wraps = {name: _wrapper(name, given, find) for name, given in around.items()}
    groups = {pattern: _checked_group(pattern, given, entry, used, find) for pattern, given in apart.items()}
    held = _held(entry, used, find).union(*(_held(group.entry, group.config, find) for group in groups.values()))
    for wrap in wraps.values():
        held = _held(wrap.entry, wrap.config, find, held)
    if not around and not apart:
        return rule, scalars, used
    choice = Composed(
        rule.function,
        rule.static,
        tuple((pattern, group.choice) for pattern, group in groups.items()),
        tuple((name, wrap.choice) for name, wrap in wraps.items()),
    )
    layers = {WRAP: wraps, GROUPS: groups}
    traced = {key: {name: each.scalars for name, each in layer.items()} for key, layer in layers.items() if layer}
    config = {key: {name: each.config for name, each in layer.items()} for key, layer in layers.items() if layer}
    return choice, {**scalars, **traced}, {**used, **config}


def _parts(
    entry: Entry, config: Mapping[str, Any], find: Find
) -> Iterator[tuple[tuple[str, ...], Entry, Mapping[str, Any]]]:
    """The optimizers right within one, around it and of its groups: their keys, entries and values."""
    for name, hyperparameter in entry.hyperparameters.items():
        value = config.get(name)
        if hyperparameter.nested and isinstance(value, Mapping):
            yield (name,), find("optimizer", value["name"]), value
    for layer, usual in ((WRAP, None), (GROUPS, entry.name)):
        for label, values in config.get(layer, {}).items():
            yield (layer, label), find("optimizer", values.get("name", usual or label)), values


Visit = Callable[[str, Hyperparameter, Any], Any]  # (key, hyperparameter, value) -> value


def visited(
    entry: Entry, config: Mapping[str, Any], find: Find, visit: Visit, key: str = "optimizer"
) -> dict[str, Any]:
    """Apply a function to every hyperparameter of an optimizer, of those within it, around it and of its groups.

    Args:
        config: as used, of `composed`. visit: of a key as it is typed, `optimizer.wrap.lookahead.k`.

    Returns:
        The configuration with what it returned.
    """
    result = dict(config)
    for name, hyperparameter in entry.hyperparameters.items():
        value = config.get(name)
        if name in config and not (hyperparameter.nested and isinstance(value, Mapping)):
            result[name] = visit(f"{key}.{name}", hyperparameter, value)
    for (name, *label), of, values in _parts(entry, config, find):
        inner = visited(of, values, find, visit, ".".join((key, name, *label)))
        result[name] = {**result[name], label[0]: inner} if label else inner
    return result


def entries(entry: Entry, config: Mapping[str, Any], find: Find) -> list[Entry]:
    """Return an optimizer and all that it is made of: those within it, around it and of its groups.

    Args:
        config: as used, of `composed`.
    """
    within = [entries(of, values, find) for _, of, values in _parts(entry, config, find)]
    return [entry, *(each for some in within for each in some)]


class _Layer(NamedTuple):
    """One wrapper or group: its entry, what makes it, its scalars, and its values as used."""

    entry: Entry
    choice: Any
    scalars: dict[str, Any]
    config: Mapping[str, Any]


def _wrapper(label: str, given: Mapping[str, Any], find: Find) -> _Layer:
    where = f"optimizer.{WRAP}.{label}"
    name = given.get("name", label)
    entry = find("optimizer", str(name))
    if INNER not in entry.hyperparameters:
        raise PadlError(
            f"{where}: optimizer '{name}' is no wrapper ('padl list optimizer' shows them as of that family)"
        )
    if INNER in given:
        raise PadlError(f"{where}.{INNER}: what is wrapped is the optimizer itself: leave it out")
    used = entry.check({**without(given, "name"), INNER: "sgd"}, f"{where}.")
    choice, scalars = entry.split_checked(without(used, INNER))
    named = {} if name == label else {"name": name}
    return _Layer(entry, choice, scalars, {**named, **without(used, INNER)})


def _checked_group(pattern: str, given: Mapping[str, Any], base: Entry, used: Mapping[str, Any], find: Find) -> _Layer:
    where = f"optimizer.{GROUPS}.{pattern}"
    name = given.get("name", base.name)
    entry = base if name == base.name else find("optimizer", str(name))
    every = given.get(EVERY, 1)
    if not isinstance(every, int) or isinstance(every, bool) or every < 1:
        raise PadlError(f"{where}.{EVERY}={every!r} is not a whole number of steps, 1 or more")
    others = without(given, "name", EVERY, SCHEDULE)
    checked = entry.check({**used, **others} if entry is base else others, f"{where}.")
    choice, scalars = entry.split_checked(checked)
    config = {"name": entry.name, **checked, **({EVERY: every} if every > 1 else {})}
    if SCHEDULE not in given:
        return _Layer(entry, GroupChoice(choice, None, every), scalars, config)
    schedule = _schedule(given[SCHEDULE], f"{where}.{SCHEDULE}", entry, find)
    return _Layer(
        entry,
        GroupChoice(choice, schedule.choice, every),
        {**scalars, SCHEDULE: schedule.scalars},
        {**config, SCHEDULE: schedule.config},
    )


def _schedule(given: Any, where: str, optimizer: Entry, find: Find) -> _Layer:
    if "learning_rate" not in optimizer.hyperparameters:
        raise PadlError(f"{where}: optimizer '{optimizer.name}' has no learning_rate to schedule: leave it out")
    values = dict(given) if isinstance(given, Mapping) else {"name": given}
    entry = find("schedule", str(values.pop("name", None)))
    checked = entry.check(values, f"{where}.")
    return _Layer(entry, *entry.split_checked(checked), {"name": entry.name, **checked})


def _held(entry: Entry, config: Mapping[str, Any], find: Find, within: Iterable[str] = ()) -> frozenset[str]:
    """The optimizers that hold a norm in one with what is within it, as `held_after`.

    Args:
        within: those that hold one in what it is put around.
    """
    nested = [_held(of, values, find) for _, of, values in _parts(entry, without(config, WRAP, GROUPS), find)]
    return held_after(entry.name, entry.traits, frozenset(within).union(*nested))


def _named_mappings(given: Any, where: str) -> dict[str, Mapping[str, Any]]:
    """Wrappers as {name: hyperparameters}; given so, or as a list of names and of {name: ..., hyperparameters}."""
    if not isinstance(given, (list, tuple)):
        return _mappings({given: {}} if isinstance(given, str) else given, where)
    names = [each.get("name") if isinstance(each, Mapping) else each for each in given]
    for name, each in zip(names, given, strict=True):
        if not isinstance(name, str):
            raise PadlError(f"{where} holds {each!r}, which is no name and no {{name: NAME, hyperparameters}}")
        if names.count(name) > 1:
            raise PadlError(f"{where} has {name} twice: give one of them as {{LABEL: {{name: {name}}}}}")
    return named_groups(given)


def _mappings(given: Any, where: str) -> dict[str, Mapping[str, Any]]:
    """A mapping of mappings; a name alone stands for {name: NAME}, and nothing for an empty one."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise PadlError(f"{where}={given!r} is no mapping {{NAME: {{hyperparameters}}}}")
    whole: dict[str, Any] = {
        str(key): {"name": value} if isinstance(value, str) else value or {} for key, value in given.items()
    }
    for key, value in whole.items():
        if not isinstance(value, Mapping):
            raise PadlError(f"{where}.{key}={value!r} is no name and no {{hyperparameters}}")
    return whole
