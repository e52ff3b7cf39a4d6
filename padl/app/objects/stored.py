"""Put things from Python into a stored configuration again: a run folder has their labels, and only Python has them.

as_stored, is_from_python, with_objects, with_objects_by_label, changed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from padl.app.objects import PYTHON, labelled, prepared
from padl.app.objects.content import digest
from padl.registry import near
from padl.types import KINDS, Kind, PadlError

FROM = "from"


def as_stored(label: str, hyperparameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what stands for a thing from Python in config.yaml."""
    return {"name": label, FROM: PYTHON, **(hyperparameters or {})}


def is_from_python(stored: Any) -> bool:
    """Tell whether a part of a stored configuration stands for a thing from Python."""
    return isinstance(stored, Mapping) and stored.get(FROM) == PYTHON


def with_objects(config: Mapping[str, Any], things: Mapping[str, Any], needs: Collection[Kind]) -> dict[str, Any]:
    """Put things from Python into a stored configuration, where they were when it was recorded.

    Args:
        things: {kind: thing}. needs: the kinds without which nothing can be done.

    Raises:
        PadlError: one that is needed is missing, or one is given for what was a name.
    """
    _check_kinds(things)
    filled = dict(config)
    for kind, thing in things.items():
        if thing is not None and not is_from_python(config.get(kind)):
            raise PadlError(f"its {kind} is one of a name: leave {kind}= out")
    for kind in (kind for kind in KINDS if is_from_python(config.get(kind))):
        if things.get(kind) is not None:
            filled[kind] = _filled(config[kind], _alone(kind, things[kind]))
        elif kind in needs:
            label = config[kind]["name"]
            raise PadlError(
                f"its {kind} '{label}' came from Python, and only Python can give it again (python.json beside it may"
                f" have its source): {kind}={label} in padl.load, padl.predict, padl.evaluate or padl.resume"
            )
    return filled


def with_objects_by_label(configs: Sequence[Mapping[str, Any]], things: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Put things from Python into the configurations of a sweep's members, each where its label stands.

    Args:
        things: {kind: thing, or the list of them in the order in which the sweep had them}.

    Raises:
        PadlError: one is missing, or one is given that no member has.
    """
    _check_kinds(things)
    labels = {kind: list(dict.fromkeys(_labels(configs, kind))) for kind in KINDS}
    missing = {kind: labels[kind] for kind in KINDS if labels[kind] and things.get(kind) is None}
    if missing:
        each = "; ".join(f"{kind} {', '.join(names)}" for kind, names in missing.items())
        calls = ", ".join(f"{kind}={'...' if len(names) == 1 else '[...]'}" for kind, names in missing.items())
        raise PadlError(f"what came from Python only Python can give again: padl.resume(FOLDER, {calls}), for {each}")
    given = {kind: _by_label(kind, thing, labels[kind]) for kind, thing in things.items() if thing is not None}
    return [
        {
            key: _filled(value, given[key][value["name"]]) if key in given and is_from_python(value) else value
            for key, value in config.items()
        }
        for config in configs
    ]


def changed(things: Mapping[str, Any], described: Mapping[str, Any]) -> list[str]:
    """Return the kinds of those that are not what they were.

    Args:
        things: {kind: thing}. described: the content of python.json.
    """
    recorded = {kind: about.get("digest") for kind, about in described.items() if isinstance(about, Mapping)}
    given = {kind: prepared(kind, _alone(kind, thing)) for kind, thing in things.items() if thing is not None}
    return [kind for kind, thing in given.items() if recorded.get(kind) not in (None, digest(thing))]


def _check_kinds(things: Mapping[str, Any]) -> None:
    for kind in things:
        if kind not in KINDS:
            raise PadlError(f"'{kind}' is no part of a run{near(kind, KINDS)} (there are: {', '.join(KINDS)})")


def _filled(part: Mapping[str, Any], thing: Any) -> dict[str, Any]:
    """A stored part with its thing: its label and hyperparameters are those that were recorded."""
    hyperparameters = {key: value for key, value in part.items() if key not in ("name", FROM)}
    return {"name": thing, "label": str(part["name"]), **hyperparameters}


def _alone(kind: str, thing: Any) -> Any:
    """A thing without its label; raises PadlError where it has hyperparameters."""
    if not isinstance(thing, Mapping):
        return thing
    others = [key for key in thing if key not in ("name", "label")]
    if others or "name" not in thing:
        raise PadlError(f"{kind}: give the thing alone, for its hyperparameters are recorded ({', '.join(others)})")
    return thing["name"]


def _labels(configs: Sequence[Mapping[str, Any]], kind: Kind) -> Iterator[str]:
    return (str(config[kind]["name"]) for config in configs if is_from_python(config.get(kind)))


def _by_label(kind: str, given: Any, labels: Sequence[str]) -> dict[str, Any]:
    """The things of a sweep by the labels that they had."""
    values = given if isinstance(given, list) else [given]
    if len(values) == len(labels) == 1:
        return {labels[0]: prepared(kind, _alone(kind, values[0]))}
    of = {value["label"]: value["name"] for value in labelled(kind, values) if isinstance(value, Mapping)}
    if set(of) != set(labels):
        raise PadlError(
            f"{kind}: the sweep has {', '.join(labels) or 'none from Python'}, and given are {', '.join(of)}"
        )
    return of
