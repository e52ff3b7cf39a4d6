"""Explain in one line what Hydra refused: an unknown name or key, what does not parse, or else its own words."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from padl.app import names
from padl.app.run_spec import AUTO
from padl.app.settings import SECTIONS, Settings, schema
from padl.cli.hydra.arguments import is_multirun, listed, settings
from padl.cli.hydra.nodes import GROUPS, brought
from padl.cli.hydra.words import conf_files, conf_names, own_folder
from padl.registry import Entry, near
from padl.types import KINDS, Kind, PadlError

Explain = Callable[[Sequence[str], Exception], PadlError]
DEFAULTS: dict[Kind, str] = {"optimizer": "adam", "schedule": "constant", "model": "", "loss": ""}


def explain(arguments: Sequence[str], error: Exception) -> PadlError:
    """What is wrong with the words of `padl train`, from what Hydra raised for them."""
    message, overrides, own = _message(error), settings(arguments), own_folder(arguments)
    line = (
        _bad_syntax(error, message)
        or _range_in_grid(message)
        or _list_for_mapping(message, overrides)
        or _several_values(message, overrides)
        or _bad_name(overrides, is_multirun(arguments), own)
        or _unknown_key(overrides, own)
        or f"the configuration cannot be composed: {message}"
    )
    return PadlError(line)


def explain_job(overrides: Sequence[str], error: Exception) -> PadlError:
    """What is wrong with one job of a multirun."""
    return error if isinstance(error, PadlError) else explain(overrides, error)


def explain_keys(keys: Sequence[str], command: str) -> Explain:
    """`explain` for a command whose configuration has no names to choose nodes by, only these keys."""

    def explain_words(arguments: Sequence[str], error: Exception) -> PadlError:
        for key, value in settings(arguments).items():
            if key not in keys and not key.startswith("hydra"):
                return PadlError(f"no key '{key}'{near(key, keys)} ('padl {command} --cfg job' shows all keys)")
            if "," in value and not value.startswith(("[", "{", "'", '"')):
                return PadlError(f"{key}={value} gives several values: a list is '{key}=[{value}]'")
        return PadlError(f"the configuration cannot be composed: {_message(error)}")

    return explain_words


def names_to_choose() -> dict[str, list[str]]:
    """The keys of `padl train`, with the names that each takes."""
    keys: dict[str, list[str]] = {key: [] for key in (*schema(Settings), *SECTIONS)}
    return {**keys, **{group: conf_names(group) for group in GROUPS}, **{kind: names.names(kind) for kind in KINDS}}


def _message(error: Exception) -> str:
    """Hydra's own words in one line, without its links and its advice on environment variables."""
    return " ".join(str(error).split("\nSee https")[0].split("\nSet the environment")[0].split())


def _bad_syntax(error: Exception, message: str) -> str | None:
    from hydra.errors import OverrideParseException

    if not isinstance(error, OverrideParseException):
        return None
    word = str(getattr(error, "override", ""))
    if "(" in word:
        return f"{word} does not parse: a range is 'seed=range(0,8)' (start, stop), a list seed=0,1,2"
    key, _, value = word.partition("=")
    if re.search(r"[{,]\s*[\"']", value):
        return f"{word} does not parse: within braces keys stand without quotes, as {{blocks.*.kernel:{{b1:0.8}}}}"
    example = (
        f"""'{key}="{value}"'""" if value and '"' not in value and "'" not in value else """'task.path="größe.csv"'"""
    )
    quotes = f"text with other signs than letters, digits and /._- wants quotes of its own: {example}"
    return f"the configuration cannot be composed: {message}; {quotes}"


def _range_in_grid(message: str) -> str | None:
    if "RangeSweep" in message:
        return "a range stands alone: give 'optimizer.b1=range(0.1,0.4,0.1)', or a list of all values"
    if "does not support sweep type" not in message:
        return None
    return "interval(...) is for a search, a grid needs values: add hydra/sweeper=padl_optuna, or list them"


def _list_for_mapping(message: str, overrides: Mapping[str, str]) -> str | None:
    """A list in the place of a mapping: of a name with hyperparameters, or of a section."""
    merged = re.match(r"Error merging override \+*([^=]+)=", message)
    value = overrides.get(merged.group(1), "") if merged else ""
    if not merged or not value.startswith("["):
        return None
    key = merged.group(1)
    usual = "a name, or {name: NAME, hyperparameters}" if key.split(".")[0] in KINDS else "{key: value, ...}"
    return f"{key}={value} is a list: give {usual}"


def _several_values(message: str, overrides: Mapping[str, str]) -> str | None:
    """Several values of a key without -m."""
    ambiguous = re.search(r"Ambiguous value for argument '([^=']+)=", message)
    key = ambiguous.group(1).lstrip("+") if ambiguous else ""
    if key not in overrides or key in (*KINDS, *GROUPS):
        return None
    values = overrides[key]
    return f"{key}={values} gives several values: add -m to run each; a list is '{key}=[{values}]'"


def _bad_name(overrides: Mapping[str, str], multirun: bool, own: Path | None) -> str | None:
    """A group without a name, with several, or with one there is not."""
    for key, value in overrides.items():
        if key in KINDS and value in ("", "null"):
            return f"{key}={value} names nothing: leave it out for the usual {key}, or give a name"
        if key in (*KINDS, *GROUPS) and "," in value and not multirun:
            return f"{key}={value} gives several names: add -m to run each"
        for name in listed(value) if key in (*KINDS, *GROUPS) and not value.startswith("glob(") else ():
            there = conf_names(key, own)
            if key in GROUPS and name not in there:
                return f"no {key} '{name}'{near(name, there)} (there are: {', '.join(there)})"
            if key in KINDS and (key, name) != ("loss", AUTO) and name not in (*names.of(key).names(), *there):
                return _unknown_name(key, name)
    return None


def _unknown_name(kind: Kind, name: str) -> str:
    try:
        names.find(kind, name)
    except PadlError as unknown:
        return str(unknown)
    raise AssertionError(f"there is a {kind} '{name}'")


def _unknown_key(overrides: Mapping[str, str], own: Path | None) -> str | None:
    """The first key there is not, with what the entry that it belongs to has."""
    chosen = _chosen_entries({**_names_of_experiment(overrides.get("experiment", ""), own), **overrides})
    keys = _keys(chosen)
    for key in overrides:
        if key in keys or key.startswith(("hydra.", "hydra/")):
            continue
        kind, _, name = key.partition(".")
        entry = chosen.get(kind)  # pyright: ignore[reportArgumentType, reportCallIssue]
        if entry:
            has = ", ".join(entry.hyperparameters) or "none"
            return f"{kind} '{entry.name}' has no key '{key}'{near(name, entry.hyperparameters)} (it has: {has})"
        return f"no key '{key}'{near(key, keys)} ('padl train --cfg job' shows all keys)"
    return None


def _names_of_experiment(name: str, own: Path | None) -> dict[str, str]:
    """The names that experiment/NAME.yaml puts in place."""
    for file in conf_files("experiment", own):
        if file.stem == name:
            content: Any = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
            defaults = [item for item in content.get("defaults", []) if isinstance(item, dict)]
            return {key.removeprefix("override /"): value for item in defaults for key, value in item.items()}
    return {}


def _chosen_entries(overrides: Mapping[str, str]) -> dict[Kind, Entry | None]:
    """The entries that a command line names, or leaves at their defaults."""
    task = _chosen("task", overrides.get("task", "digits"))
    chosen: dict[Kind, Entry | None] = {"task": task}
    for kind, default in DEFAULTS.items():
        chosen[kind] = _chosen(kind, overrides.get(kind) or (brought(task, kind) if task else None) or default)
    return chosen


def _chosen(kind: Kind, name: str) -> Entry | None:
    return names.of(kind).get(name) if name in names.of(kind).names() else None


def _keys(chosen: Mapping[Kind, Entry | None]) -> list[str]:
    """All keys of a configuration with these entries."""
    inner = [f"{kind}.{name}" for kind, entry in chosen.items() if entry for name in ("name", *entry.hyperparameters)]
    sections = [f"{section}.{key}" for section, kind in SECTIONS.items() for key in schema(kind)]
    return [*KINDS, *GROUPS, *schema(Settings), *sections, *inner]
