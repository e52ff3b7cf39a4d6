"""Tell runs apart in a picture by what of their configurations differs. labels_of, shared_title."""

from collections.abc import Mapping, Sequence
from typing import Any

from padl.nested import flattened

NAMES = ("task", "model", "loss", "optimizer", "schedule")
SAYS_NOTHING = (
    "run", "wandb", "sweep", "device", "devices", "compilation_cache", "progress", "log_every", "eval_every",
    "measure", "steps_per_call", "sinks", "experiment",
)  # fmt: skip
SEED = "seed"
LONGEST = 100  # characters of a label


def labels_of(configs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[tuple[str, str]]:
    """Return (label, the same without the seed) of each run: what differs between them, keys by their last word.

    A hyperparameter counts where it differs among those that have the same name there: the b1 of two Adams.

    Args:
        names: of the runs, which tell those apart that differ in nothing; those with a run.name have that.
    """
    flat = [_flat(config) for config in configs]
    keys = list(dict.fromkeys(key for values in flat for key in values))
    keys.sort(key=lambda key: (key.partition(".")[0] not in NAMES, not key.endswith(".name")))
    differing = [key for key in keys if key != SEED and _differs(key, flat)]
    told = [[key for key in differing if _tells(key, values, flat)] for values in flat]
    settings = [_words(values, keys) for values, keys in zip(flat, told, strict=True)]
    given = [(config.get("run") or {}).get("name") for config in configs]
    if all(given) and len(set(given)) == len(given):
        settings = [str(name) for name in given]
    has_seeds = len({values.get(SEED) for values in flat}) > 1
    labels = [
        ", ".join(filter(None, [setting, f"seed {values.get(SEED)}" if has_seeds else ""]))
        for setting, values in zip(settings, flat, strict=True)
    ]
    several = {label for label in labels if labels.count(label) > 1}
    return [
        (f"{label}{', ' if label else ''}{name}" if label in several else label, setting)
        for label, setting, name in zip(labels, settings, names, strict=True)
    ]


def shared_title(configs: Sequence[Mapping[str, Any]]) -> str:
    """`digits mlp, 3 runs`: the names that all have in common."""
    flat = [_flat(config) for config in configs]
    values = [{each.get(f"{kind}.name") for each in flat} for kind in ("task", "model", "optimizer")]
    shared = [str(*each) for each in values if len(each) == 1 and None not in each]
    return f"{' '.join(shared)}, {len(configs)} run{'s' if len(configs) > 1 else ''}".removeprefix(", ")


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    return flattened({key: value for key, value in config.items() if key not in SAYS_NOTHING})


def _differs(key: str, flat: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a key has several values, among those that have it: an earlier PADL did not know each."""
    return len({str(values[key]) for values in flat if key in values}) > 1


def _tells(key: str, values: Mapping[str, Any], flat: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a key that differs is said of a run: not what it has not, nor what follows from another key."""
    group, _, last = key.partition(".")
    if values.get(key) is None or (key == "steps" and values.get("epochs") is not None):
        return False
    own = [each for each in flat if each.get(f"{group}.name") == values.get(f"{group}.name")]
    return group not in NAMES or last == "name" or _differs(key, own)


def _words(values: Mapping[str, Any], keys: Sequence[str]) -> str:
    last_words = [key.rpartition(".")[2] for key in keys]
    words = []
    for key, last in zip(keys, last_words, strict=True):
        value = _text(values.get(key))
        words.append(value if last == "name" else f"{last if last_words.count(last) == 1 else key} {value}")
    text = ", ".join(words)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return f"[{','.join(map(_text, value))}]" if isinstance(value, (list, tuple)) else str(value) or '""'
