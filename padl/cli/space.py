"""What a search draws from: the ranges on the command line, and the usual ranges of registered hyperparameters."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from padl.cli import names
from padl.registry import near
from padl.types import KINDS, WORDS, Domain, PadlError


class Dimension(NamedTuple):
    """One key that is searched.

    Attributes:
        options: what to choose from; () for a number from low to high.
        log: drawn evenly in the logarithm. mirrored: of 1 - x, as decay rates want it. whole: an integer.
    """

    key: str
    options: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    mirrored: bool = False
    whole: bool = False

    def suggest(self, trial: Any) -> str:
        """A value from an optuna trial, as it stands on a command line."""
        if self.options:
            return trial.suggest_categorical(self.key, self.options)
        if self.whole:
            return str(trial.suggest_int(self.key, int(self.low), int(self.high), log=self.log))
        if self.mirrored:
            return repr(1 - trial.suggest_float(f"1 - {self.key}", 1 - self.high, 1 - self.low, log=True))
        return repr(trial.suggest_float(self.key, self.low, self.high, log=self.log))


class Space(NamedTuple):
    """What a search's command line says. fixed: overrides of every trial. seeds: each trial is run for all of them."""

    dimensions: list[Dimension]
    fixed: list[str]
    seeds: list[str]


def read(overrides: Sequence[Any]) -> Space:
    """Hydra's parsed overrides -> what is searched, what is fixed, and the seeds.

    Raises:
        PadlError: a range that is empty, or that its tag does not fit.
    """
    dimensions, fixed, seeds = [], [], []
    for override in overrides:
        key = override.get_key_element()
        if not override.is_sweep_override():
            fixed.append(f"{key}={override.get_value_element_as_str()}")
        elif key == "seed":
            seeds = _options(override)
        else:
            dimensions.append(_dimension(key, override))
    return Space(dimensions, fixed, seeds)


def _options(override: Any) -> list[str]:
    if not override.is_discrete_sweep():
        raise PadlError("a seed is not searched: give a list or a range, and each trial is run for every one of them")
    options = list(override.sweep_string_iterator())
    if not options:
        raise PadlError(f"{override.input_line} is empty")
    return options


def _dimension(key: str, override: Any) -> Dimension:
    sweep = override.value()
    log = "log" in getattr(sweep, "tags", ())
    if override.is_choice_sweep():
        return Dimension(key, options=tuple(_options(override)))
    low, high = sweep.start, sweep.end if override.is_interval_sweep() else sweep.stop
    whole = all(isinstance(x, int) for x in (low, high))
    if override.is_range_sweep():
        if not whole or sweep.step != 1:
            return Dimension(key, options=tuple(_options(override)))
        high -= 1
    elif not isinstance(low, int) or not isinstance(high, int):
        whole = False
    if not low < high:
        raise PadlError(f"{override.input_line} is empty: a range goes from the smaller to the larger number")
    if log and low <= 0:
        raise PadlError(f"{override.input_line}: a logarithmic range starts above 0")
    return Dimension(key, low=low, high=high, log=log, whole=whole and override.is_range_sweep())


def usual(keys: Sequence[str], config: Mapping[str, Any], given: Sequence[str]) -> list[Dimension]:
    """The dimensions of `sweep.over`: keys in the ranges that their registered domains call worth searching.

    Args:
        config: with the names that the keys belong to. given: keys that the command line has a range for.

    Raises:
        PadlError: a key there is not, without such a range, or given twice.
    """
    found = []
    for key in keys:
        if key in given:
            raise PadlError(f"sweep.over has {key}, which also has a range of its own: give one of the two")
        domain = _domain(key, config)
        if domain.search is None:
            raise PadlError(f"sweep.over: {key} has no usual range: give one, as {key}=interval(0,1)")
        low, high = domain.search
        found.append(Dimension(key, low=low, high=high, log=domain.scale == "log", mirrored=domain.scale == "log1m"))
    return found


def _domain(key: str, config: Mapping[str, Any]) -> Domain:
    kind, dot, name = key.partition(".")
    if not dot:
        if key in WORDS and key in config:
            return WORDS[key]
        raise PadlError(f"sweep.over: no key '{key}'{near(key, config)} (write it as optimizer.learning_rate)")
    if kind not in KINDS or not config.get(kind):
        raise PadlError(f"sweep.over: no key '{key}'{near(kind, KINDS)}")
    entry = names.find(kind, config[kind]["name"])
    if name not in entry.hyperparameters:
        has = ", ".join(entry.hyperparameters) or "none"
        raise PadlError(f"sweep.over: {kind} '{entry.name}' has no '{name}'{near(name, entry.hyperparameters)} ({has})")
    return entry.hyperparameters[name].domain


def bounds(dimensions: Sequence[Dimension]) -> dict[str, tuple[float, float]]:
    """The ends of the numeric ranges."""
    return {d.key: (float(d.low), float(d.high)) for d in dimensions if not d.options and math.isfinite(d.high)}
