"""What the numbers of a run depend on, and how two runs differ in it. fingerprint, of_all, check_same, Difference."""

import hashlib
import inspect
import sys
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from padl.app.names import strangers
from padl.app.objects import content
from padl.app.run_spec import RunSpec
from padl.app.settings import CHANGES_NO_NUMBER
from padl.app.stored_config import PATH, say_unused
from padl.drop_ins import files_of
from padl.nested import flattened
from padl.registry import Entry
from padl.runs.environment import flags
from padl.runs.redaction import redact
from padl.runs.sink import warn
from padl.types import Device, PadlError

Fingerprint = dict[str, dict[str, str]]  # group -> name -> value
COMPUTES = ("jax", "jaxlib", "optax", "flax", "numpy")  # packages
GROUPS = {
    "config": "names and values of config.yaml",
    "code": "PADL's own files",
    "plugins": "the files of plugins that the run uses",
    "data": "the rows of the task, and parameters that members of a sweep begin with",
    "versions": "of JAX and of what else computes",
    "device": "kind and number",
    "flags": "of JAX and XLA",
}

ALLOW = (*GROUPS, "schedule", PATH)  # what may differ, where it is allowed


class Difference(NamedTuple):
    """One thing that is not as it was: of which group, its name, what it was then and is now ("" for nothing)."""

    group: str
    name: str
    then: str
    now: str


class DifferentRun(PadlError):
    """What numbers depend on is not as it was.

    Attributes:
        differences: each of them.
    """

    def __init__(self, folder: Path, different: Sequence[Difference]):
        self.differences = list(different)
        groups = list(dict.fromkeys(difference.group for difference in different))
        allowed = " ".join(f"--allow {group}" for group in groups)
        super().__init__(
            f"{folder} would not go on as it began: it differs in {' and '.join(groups)}; "
            f"{allowed} goes on all the same"
        )


def fingerprint(spec: RunSpec, device: Device, count: int) -> Fingerprint:
    """Describe what the numbers of a run depend on, group by group; arguments as of `of_all`."""
    return {"config": _config(spec), **of_all([spec], device, count)}


def _config(spec: RunSpec) -> dict[str, str]:
    return redact(_as_texts({key: value for key, value in spec.config.items() if key not in CHANGES_NO_NUMBER}))


def with_usual(recorded: Fingerprint, spec: RunSpec) -> Fingerprint:
    """Return a fingerprint of an earlier PADL, which had None where a configuration left something open, with what was
    used there, and with the keys that it did not know, where they are as usual.

    Args:
        spec: of the same configuration.
    """
    config = recorded.get("config", {})
    open_keys = [key for key in ("steps", "batch_size", "eval_every") if config.get(key) == "None"]
    new = {key: text for key, text in _config(spec).items() if key not in config and key not in spec.differences}
    return {**recorded, "config": {**config, **new, **{key: str(spec.usual[key]) for key in open_keys}}}


def of_all(specs: Sequence[RunSpec], device: Device, count: int) -> Fingerprint:
    """Describe what the numbers of some runs depend on beside their configurations.

    Args:
        device: the first of `count`.
    """
    return {
        "code": {"padl": _digest_of_padl()},
        "plugins": {name: digest for spec in specs for name, digest in _plugins(spec).items()},
        "data": {f"{spec.config['task']['name']} {spec.task.digest[:12]}": str(spec.task.digest) for spec in specs},
        "versions": {name: metadata.version(name) for name in COMPUTES},
        "device": {"kind": device.device_kind, "platform": device.platform, "count": str(count)},
        "flags": {name: str(value) for name, value in flags().items()},
    }


def differences(then: Fingerprint, now: Fingerprint) -> list[Difference]:
    """List what differs, in the order of the groups."""
    pairs = [(group, name) for group in GROUPS for name in dict.fromkeys([*then.get(group, {}), *now.get(group, {})])]
    value = lambda of, group, name: of.get(group, {}).get(name, "")  # noqa: E731
    every = [Difference(group, name, value(then, group, name), value(now, group, name)) for group, name in pairs]
    return [each for each in every if each.then != each.now]


def check_same(folder: Path, then: Fingerprint, now: Fingerprint, allow: Collection[str]) -> None:
    """Compare what numbers depend on with what it was; what differs and is allowed to is said in lines.

    Args:
        folder: whose record says how it was. allow: groups.

    Raises:
        DifferentRun: something differs that is not allowed to.
    """
    different = differences(then, now)
    refused = [difference for difference in different if difference.group not in allow]
    if refused:
        raise DifferentRun(folder, refused)
    for difference in different:
        warn(f"{difference.group} {difference.name} is {difference.now} now, it was {difference.then}")
    for group in GROUPS:
        if group in allow and group not in {difference.group for difference in different}:
            say_unused(group)


def _as_texts(config: Mapping[str, Any]) -> dict[str, str]:
    """Return a configuration as {"optimizer.learning_rate": "0.001", ...}."""
    return {key: str(value) for key, value in flattened(config).items()}


def _plugins(spec: RunSpec) -> dict[str, str]:
    """The digest of the file of each part that is not PADL's own; of one without a file, as in a notebook, its code."""
    return {f"{entry.kind} {entry.name}": _digest(entry, thing) for entry, thing in strangers(spec.parts.values())}


def _digest(entry: Entry, thing: Any) -> str:
    return _digest_of_source(entry.function) if thing is None else content.digest(thing)


def _digest_of_source(function: Any) -> str:
    function = inspect.unwrap(getattr(function, "made_of", function))
    try:
        file = inspect.getsourcefile(function)
        files = _files(Path(file), str(getattr(function, "__module__", ""))) if file and Path(file).is_file() else []
        text = b"".join(each.read_bytes() for each in files) if files else inspect.getsource(function).encode()
    except (OSError, TypeError):
        return "no source"
    return hashlib.sha256(text).hexdigest()


def _files(file: Path, module: str) -> list[Path]:
    """The files that a plugin's function is made of: its own, and what that imports of a drop-in's neighbours, or all
    Python files of its package."""
    package = sys.modules.get(module.partition(".")[0])
    folders = [Path(folder) for folder in getattr(package, "__path__", ())]
    return sorted(each for folder in folders for each in folder.rglob("*.py")) or files_of(file)


@cache
def _digest_of_padl() -> str:
    """The digest of all files of the package that is imported."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for file in sorted(root.rglob("*.py")):
        digest.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return digest.hexdigest()
