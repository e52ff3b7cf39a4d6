"""Read the words of a command before Hydra does: what is no KEY=VALUE, and what of Hydra's own PADL has no use for.

prepared, with_mappings, own_folder, conf_files, conf_names.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from padl.app.composition import WRAP
from padl.cli.hydra.arguments import is_multirun, listed, settings
from padl.cli.hydra.nodes import GROUPS, conf_folder
from padl.registry import near
from padl.types import KINDS, PadlError

Names = Callable[[], Mapping[str, Sequence[str]]]  # key -> the names that it takes
NAMES = re.compile(r"\w+(,\w+)*")
ONE_LIST = re.compile(r"\[([\w, ]*)\]")
LIST_OF_NAMES = re.compile(r"\[[\w, ]*\](,\[[\w, ]*\])*")
OF_SEVERAL_RUNS = ("hydra/sweeper", "hydra/launcher", "hydra.sweeper", "hydra.launcher")
OF_A_LAUNCHER = ("hydra.sweep", "hydra.job")  # which launchers other than PADL's heed
HEEDED = (*OF_SEVERAL_RUNS, "hydra.searchpath", "hydra.callbacks", "hydra.verbose", "hydra/job_logging",
          "hydra/hydra_logging", "hydra/callbacks", "hydra.help", "hydra/help")  # fmt: skip
INSTEAD = {
    "hydra.run": "use run.dir=FOLDER, in which each run makes a folder of its own",
    "hydra.sweep": "use run.dir=FOLDER, in which each sweep makes a folder of its own",
    "hydra.job": "use run.dir=FOLDER to say where runs go, and the shell for variables of the environment",
    "hydra.output_subdir": "Hydra would write a configuration there, secrets and all; config.yaml is in the run folder",
    "hydra.mode": "-m runs several",
}


def prepared(arguments: Sequence[str], command: str, names: Names) -> list[str]:
    """Return the words as Hydra wants them: those KEY=VALUE first, each group named in the one form that it takes.

    Args:
        command: "train". names: the names that its keys take.

    Raises:
        PadlError: an empty word or one that is no KEY=VALUE; an option that there is not, or without its value; a key
            of Hydra's that would do nothing; a folder of configurations that is not there.
    """
    values, words = _read(arguments, command, names)
    _check_folders(values.config_dir, words)
    given = settings(words)
    for key in given:
        if key.startswith("hydra"):
            _check_hydras(key, given, is_multirun(arguments))
    if "sweep" in given and _is_name(given["sweep"]) and not is_multirun(arguments):
        raise PadlError(f"sweep={given['sweep']} is for several runs at once: add -m")
    options = [word for word in arguments if word not in words]
    return [*map(_in_hydras_form, with_mappings(words)), *options]


def with_mappings(words: Sequence[str]) -> list[str]:
    """Write names as mappings where they take keys: what stands around an optimizer, and what has keys on this line.

    >>> with_mappings(["optimizer.wrap=[sam]", "optimizer.inner=adam,sgd", "optimizer.inner.learning_rate=0.1"])
    ['optimizer.wrap={sam:{}}', 'optimizer.inner.name=adam,sgd', 'optimizer.inner.learning_rate=0.1']
    """
    keys = {word.lstrip("+").partition("=")[0] for word in words}

    def mapped(word: str) -> str:
        key, _, value = word.partition("=")
        if key.endswith(f".{WRAP}") and LIST_OF_NAMES.fullmatch(value):
            return f"{key}={ONE_LIST.sub(lambda names: _mapping(names.group(1)), value)}"
        has_keys = "." in key and any(other.startswith(f"{key.lstrip('+')}.") for other in keys)
        return f"{key}.name={value}" if has_keys and NAMES.fullmatch(value) else word

    return [*map(mapped, words)]


def _mapping(names: str) -> str:
    """`{a:{},b:{}}` of `a,b`."""
    return f"{{{','.join(f'{name.strip()}:{{}}' for name in names.split(',') if name.strip())}}}"


def own_folder(arguments: Sequence[str]) -> Path | None:
    """Return the user's own folder of configurations, of `--config-dir`; None without."""
    from hydra._internal.utils import get_args_parser

    values, _ = get_args_parser().parse_known_args(list(arguments))
    return Path(values.config_dir) if values.config_dir else None


def conf_files(group: str, own: Path | None = None) -> list[Path]:
    """List the files of a group in the user's own folder of configurations, and in conf/."""
    return [file for folder in ([own] if own else []) + [conf_folder()] for file in (folder / group).glob("*.yaml")]


def conf_names(group: str, own: Path | None = None) -> list[str]:
    """List the names of a group: its files."""
    return sorted({file.stem for file in conf_files(group, own)})


def _read(arguments: Sequence[str], command: str, names: Names) -> tuple[Any, list[str]]:
    """Hydra's options, and the words KEY=VALUE."""
    from hydra._internal.utils import get_args_parser

    def refuse(message: str) -> NoReturn:
        raise PadlError(f"padl {command}: {message}")

    if not all(word.strip() for word in arguments):
        refuse("one of its words is empty: leave it out")
    parser = get_args_parser()
    parser.error = refuse  # pyright: ignore[reportAttributeAccessIssue]
    values, unknown = parser.parse_known_args(list(arguments))
    option = next((word for word in unknown if word.startswith("-")), None)
    if option:
        options = [name for action in parser._actions for name in action.option_strings]
        raise PadlError(_no_option(option, command, options, arguments, names()))
    words = [word for word in arguments if word in {*values.overrides, *unknown}]
    for word in words:
        if "=" not in word and not word.startswith("~"):
            raise PadlError(_no_setting(word, words, names()))
    return values, words


def _no_option(
    option: str, command: str, options: Sequence[str], arguments: Sequence[str], names: Mapping[str, Sequence[str]]
) -> str:
    """What to say of `--optimizer=adam`, `--optimizer adam`, `--multirn`."""
    name, equals, value = option.partition("=")
    follows = list(arguments)[list(arguments).index(option) + 1 :][:1]
    value = value if equals else (follows[0] if follows and "=" not in follows[0] else "VALUE")
    key = name.lstrip("-")
    refused = f"padl {command} has no option '{name}'"
    if key.partition(".")[0] in names:
        return f"{refused}; a key is given without dashes: {key}={value}"
    return f"{refused}{near(name, options)}; a key is given as KEY=VALUE"


def _no_setting(word: str, words: Sequence[str], names: Mapping[str, Sequence[str]]) -> str:
    """What to say of `adam`, `optimizer adam`, `steps 100`."""
    refused = f"'{word}' is no KEY=VALUE"
    rest = list(words)[list(words).index(word) + 1 :]
    if word in names or word.partition(".")[0] in names:
        value = next((other for other in rest[:1] if "=" not in other), "")
        return f"{refused}; did you mean {word}={value}?" if value else f"{refused}: give {word} a value, {word}=VALUE"
    owners = {name: key for key, group in names.items() for name in group}
    close = word if word in owners else near(word, owners).removeprefix("; did you mean '").removesuffix("'?")
    if close:
        return f"{refused}; did you mean {owners[close]}={close}?"
    return refused


def _check_folders(config_dir: str | None, words: Sequence[str]) -> None:
    """Raise PadlError for a folder of configurations that is not there: Hydra would look on without it."""
    if config_dir is not None and not os.path.isdir(config_dir):
        raise PadlError(f"--config-dir {config_dir}: there is no such folder")
    try:
        paths = yaml.safe_load(settings(words).get("hydra.searchpath", "[]"))
    except yaml.YAMLError:
        return  # Hydra says what does not parse
    for path in paths if isinstance(paths, list) else ():
        folder = str(path).removeprefix("file://")
        if "://" not in folder and not os.path.isdir(folder):
            raise PadlError(f"hydra.searchpath: there is no folder {folder}")


def _check_hydras(key: str, given: Mapping[str, str], multirun: bool) -> None:
    """Raise PadlError for a key of Hydra's that would do nothing, with what to use in its place."""
    is_of = lambda groups: any(key == group or key.startswith(f"{group}.") for group in groups)  # noqa: E731
    if is_of(OF_SEVERAL_RUNS) and not multirun:
        raise PadlError(f"{key} is for several runs at once: add -m, or leave it out")
    if is_of(HEEDED) or (
        is_of(OF_A_LAUNCHER) and multirun and given.get("hydra/launcher", "padl") not in ("padl", "basic")
    ):
        return
    if key == "hydra.output_subdir" and given[key] in ("null", ""):
        return
    group = next((group for group in INSTEAD if is_of([group])), "")
    raise PadlError(f"{key} is Hydra's, and PADL does not use it: {INSTEAD.get(group, 'leave it out')}")


def _is_name(value: str) -> bool:
    return bool(value) and value != "null" and not value.startswith("{")


def _in_hydras_form(word: str) -> str:
    """A group of the defaults list is given without a plus, and one that is not in it, as `sweep`, with one."""
    key, equals, value = word.partition("=")
    name = key.lstrip("+")
    if not equals or name not in (*KINDS, *GROUPS) or not all(map(_is_name, listed(value))):
        return word
    return f"+{name}={value}" if name == "sweep" else f"{name}={value}"
