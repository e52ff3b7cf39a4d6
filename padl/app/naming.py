"""Say in a few words what a run is: its title, the name of its folder, what of it is not as usual.

From the configuration alone, so that a run has the same names from Python and from the command line.
differences, title, folder_label, words_of, as_typed, check_name.
"""

import os
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from padl.app.composition import GROUPS, WRAP, visited
from padl.app.names import Part, find
from padl.app.settings import CHANGES_NO_NUMBER, SECTIONS, Settings, as_config
from padl.coercion import coerce
from padl.nested import flattened
from padl.registry import Hyperparameter
from padl.runs.redaction import redact, refuse_secret
from padl.runs.run_folder import as_file_name
from padl.types import KINDS, Kind, PadlError

LONGEST_NAME = 64  # characters of run.name
NOT_IN_A_NAME = '/\\<>:"|?*'  # what some file system or W&B takes no name with
TITLE, LABEL = 80, 48  # characters that differences may take in a title, and in the name of a folder
LONGEST_VALUE = 24  # characters of one value
ORDER: tuple[Kind, ...] = ("optimizer", "schedule", "model", "loss", "task")  # of the hyperparameters in a title
SAYS_NOTHING = (*CHANGES_NO_NUMBER, "seed", "log_every", "steps_per_call", "measure")


def check_name(name: str | None) -> None:
    """Raise PadlError for a run.name that no folder can have, or that tells a secret."""
    if name is None:
        return
    if not 1 <= len(name) <= LONGEST_NAME or name != name.strip():
        raise PadlError(f"run.name={name!r} must be 1 to {LONGEST_NAME} characters, without blanks around them")
    refused = [c for c in dict.fromkeys(name) if c in NOT_IN_A_NAME or not c.isprintable()]
    if refused:
        raise PadlError(
            f"run.name={name!r} has {' '.join(map(ascii, refused))}: it names a folder, which takes no such sign"
        )
    refuse_secret("run.name", name)


def differences(config: Mapping[str, Any], parts: Mapping[Kind, Part], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a run is not as PADL would choose it, {key: value}: names first, then what belongs to them.

    The names of task, model and optimizer are left out, which every title has, and what changes no number of the run.

    Args:
        config: every name and value, as used. parts: its names, looked up. usual: what PADL would choose, {key: value}
            of the names and settings that depend on others.
    """
    names = {"experiment": config.get("experiment")}
    names |= {kind: parts[kind].config["name"] for kind in ("loss", "schedule") if kind in parts}
    others = {kind: value for kind, value in names.items() if value != usual.get(kind)}
    for kind in ORDER:
        others |= _hyperparameters(kind, parts[kind]) if kind in parts else {}
    defaults = {**_defaults(), **usual}
    settings = flattened({key: value for key, value in config.items() if key not in (*KINDS, *SAYS_NOTHING)})
    return others | {key: value for key, value in settings.items() if not _same(value, defaults.get(key))}


def _hyperparameters(kind: Kind, part: Part) -> dict[str, Any]:
    if kind == "optimizer":
        return _of_optimizer(part)
    of = part.entry.hyperparameters
    return {f"{kind}.{key}": value for key, value in part.config.items() if key in of and not _is_usual(value, of[key])}


def _of_optimizer(part: Part) -> dict[str, Any]:
    """Its hyperparameters that are not as usual, and those of what is within and around it; of a group, which are not
    as the optimizer's own."""
    found: dict[str, Any] = {}
    for layer in (WRAP, GROUPS):
        if part.config.get(layer):
            found[f"optimizer.{layer}"] = [*part.config[layer]]

    def note(key: str, hyperparameter: Hyperparameter, value: Any) -> Any:
        own = part.config.get(hyperparameter.name, hyperparameter.default)
        is_of_group = key.startswith(f"optimizer.{GROUPS}.")
        if not (_same(value, own) if is_of_group else _is_usual(value, hyperparameter)):
            found[key] = value
        return value

    visited(part.entry, part.config, find, note)
    return dict(sorted(found.items(), key=lambda item: item[0].count(".")))


@cache
def _defaults() -> dict[str, Any]:
    return flattened({**as_config(Settings()), **{name: as_config(kind()) for name, kind in SECTIONS.items()}})


def _same(a: Any, b: Any) -> bool:
    return a is b or str(a) == str(b)  # arrays of a thing from Python too


def _is_usual(value: Any, hyperparameter: Hyperparameter) -> bool:
    default = hyperparameter.default
    if hyperparameter.required:
        return False
    return _same(value, default) or _same(value, coerce(default, hyperparameter.annotation)[1])


def title(config: Mapping[str, Any], different: Mapping[str, Any], task: str = "") -> str:
    """`digits mlp adam, loss=hinge, seed 0`; a run.name comes first.

    Args:
        config: every name and value. different: as of `differences`. task: what the task calls itself, "" for its name.
    """
    names = [config[kind]["name"] for kind in ("task", "model", "optimizer") if kind in config]
    others = {
        k: v for k, v in different.items() if not (task and k.startswith("task.") and Path(_text(v)).stem == task)
    }
    words = [" ".join([task, *names[1:]] if task else names), *words_of(config, others, TITLE)]
    name = (config.get("run") or {}).get("name")
    return f"{f'{name}: ' if name else ''}{', '.join(words)}, seed {config['seed']}"


def folder_label(config: Mapping[str, Any], different: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    """`digits-adam-loss_hinge`, or the run.name; between the time and the number in the name of a run's folder."""
    name = (config.get("run") or {}).get("name")
    if name:
        return name
    model = config.get("model", {}).get("name")
    names = [config["task"]["name"], *([model] if model != usual.get("model") else []), config["optimizer"]["name"]]
    words = words_of(config, different, LABEL)
    return "-".join([*(_cut(str(each)) for each in names), *(_as_file_words(word) for word in words)])


def words_of(config: Mapping[str, Any], different: Mapping[str, Any], most: int) -> list[str]:
    """Write differences as `loss=hinge`, keys by their last word where no other key has it; of what does not fit into
    so many characters `+3 more`."""
    every = flattened({key: value for key, value in config.items() if key not in ("run", "wandb", "sweep")})
    last_words = Counter(key.rpartition(".")[2] for key in every)
    words = []
    for key, value in redact(dict(different)).items():
        last = key.rpartition(".")[2]
        words.append(f"{last if last_words[last] < 2 and key not in KINDS else key}={_text(value)}")
    fitting = next((n for n in range(len(words), 0, -1) if sum(map(len, words[:n])) + 2 * n <= most), 0)
    left = len(words) - fitting
    return [*words[:fitting], *([f"+{left} more"] if left else [])]


def as_typed(value: Any) -> str:
    """Write a value as it is typed on the command line, whole: null, true, [csv,tensorboard]."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"[{','.join(map(as_typed, value))}]" if isinstance(value, (list, tuple)) else str(value)


def _text(value: Any) -> str:
    """A value in a word: numbers as they are typed, of a path its last part."""
    if isinstance(value, bool) or value is None:
        return as_typed(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return _cut(f"[{','.join(map(_text, value))}]")
    if isinstance(value, Mapping):
        return _cut(f"{{{','.join(f'{key}:{_text(item)}' for key, item in value.items())}}}")
    text = str(value)
    return _cut(os.path.basename(text.rstrip("/\\")) if os.sep in text else text)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _as_file_words(word: str) -> str:
    """`widths_64_64` of `widths=[64,64]`."""
    return "_".join(filter(None, as_file_name(word.replace("=", "_").replace(",", "_")).split("_")))
