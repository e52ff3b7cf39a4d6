"""Compose the jobs of a launch: Hydra's overrides of each -> the configuration of each member of a sweep.

Hydra takes a tenth of a second to compose a configuration. Here it composes once for every structure (the names, and
what adds or removes keys), and plain values are put in their places in a copy.
"""

import copy
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from padl.app.settings import EXPERIMENT
from padl.app.sweep.members import Requested, refusal
from padl.cli.hydra.errors import explain_job
from padl.cli.hydra.typed import let_typed_rule
from padl.types import PadlError

Config = dict[str, Any]
HYDRA = "hydra"


class Word(NamedTuple):
    """One override.

    Attributes:
        key: what it sets. value: in Python's types.
        plain: whether it only puts a number, a text or a list of them in the place of a key that is there.
    """

    key: str
    value: Any
    plain: bool


def compose(launcher: Any, jobs: Sequence[Sequence[str]], first: int) -> list[Requested]:
    """Compose the members of a launch.

    Args:
        launcher: a Hydra launcher that is set up. jobs: overrides of each. first: number of the first one.

    Raises:
        PadlError: for all that do not compose, a line for each way to be wrong.
    """
    loader, master = launcher.hydra_context.config_loader, launcher.config
    if master.hydra.callbacks:
        raise PadlError("hydra.callbacks are not called for runs that share a program: use hydra/launcher=basic")
    read = cache(_reader(loader))
    composed: dict[tuple[str, ...], tuple[Config, bool]] = {}
    members, wrong = [], {}
    for number, job in enumerate(jobs, start=first):
        try:
            words = [read(word) for word in job]
            values = {word.key: word.value for word in words}
            config, line = let_typed_rule(_config(loader, master, job, words, number, composed), values)
            members.append(Requested(list(job), {key: _as_names(each) for key, each in values.items()}, config, line))
        except Exception as error:
            wrong.setdefault(str(explain_job(job, error)), []).append(list(job))
    if wrong:
        raise PadlError(refusal(wrong, jobs))
    return members


def _as_names(value: Any) -> Any:
    """Wrappers without hyperparameters as the list of names that was typed: ["sam"] of {"sam": {}}."""
    names_alone = isinstance(value, dict) and not any(value.values())
    return [*value] if names_alone else value


def _config(loader: Any, master: Any, job: Sequence[str], words: list[Word], number: int, composed: Any) -> Config:
    """The configuration of a job; `composed` keeps that of each structure, and whether it has no interpolation."""
    structure = tuple(line for line, word in zip(job, words, strict=True) if not word.plain)
    if structure not in composed:
        composed[structure] = _compose(loader, master, structure, number)
    config, fixed = composed[structure]
    if not fixed or not all(_has(config, word.key) for word in words if word.plain):
        return _compose(loader, master, tuple(job), number)[0]  # an interpolation may look at any value
    config = copy.deepcopy(config)
    for word in words:
        if word.plain:
            _put(config, word.key, word.value)
    return config


def _reader(loader: Any) -> Callable[[str], Word]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import OverrideType

    parser = OverridesParser.create(config_loader=loader)

    def read(line: str) -> Word:
        override = parser.parse_override(line)
        key, value = override.key_or_group, override.value()
        plain = override.type == OverrideType.CHANGE and override.package is None and _is_data(value)
        names_group = key.startswith(HYDRA) or ("." not in key and loader.get_group_options(key))
        return Word(key, value, plain and not names_group)

    return read


def _is_data(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_data(item) for item in value)
    return not isinstance(value, dict) and "${" not in str(value)


def _compose(loader: Any, master: Any, overrides: tuple[str, ...], number: int) -> tuple[Config, bool]:
    """A configuration, and whether it has no interpolation."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict

    composed = loader.load_sweep_config(master, list(overrides))
    with open_dict(composed):
        composed.hydra.job.id = composed.hydra.job.num = number
    HydraConfig.instance().set_config(composed)
    of_hydra = composed[HYDRA]
    with open_dict(composed):
        del composed[HYDRA]
    fixed = "${" not in str(OmegaConf.to_container(composed, resolve=False))
    config: Any = OmegaConf.to_container(composed, resolve=True)
    return with_experiment(config, of_hydra), fixed


def with_experiment(config: Config, of_hydra: Any) -> Config:
    """Add to a composed configuration the name of the experiment that was chosen, if one was.

    Args:
        of_hydra: Hydra's own configuration, which knows what was chosen of each group.
    """
    name = of_hydra.runtime.choices.get(EXPERIMENT)
    return {**config, EXPERIMENT: str(name)} if name else config


def _has(config: Config, key: str) -> bool:
    *path, last = key.split(".")
    for word in path:
        config = config.get(word)  # pyright: ignore[reportAssignmentType]
        if not isinstance(config, dict):
            return False
    return last in config and not isinstance(config[last], dict)


def _put(config: Config, key: str, value: Any) -> None:
    *path, last = key.split(".")
    for word in path:
        config = config[word]
    config[last] = copy.copy(value)
