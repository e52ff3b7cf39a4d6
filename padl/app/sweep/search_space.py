"""What a search draws from: the ranges on the command line, and the usual ranges of registered hyperparameters."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from padl.app.names import Part
from padl.app.run_spec import RunSpec
from padl.app.settings import Settings, schema
from padl.registry import Hyperparameter, near
from padl.types import KINDS, PadlError

Value = str | int | float
GOLDEN = 0.381966  # of the way from low to high: no whole number by chance


class Dimension(NamedTuple):
    """One key that is searched.

    Attributes:
        options: what to choose from; () for a number from low to high. step: between two numbers, 0 for all of them.
        log: drawn evenly in the logarithm. mirrored: of 1 - x, as decay rates want it. whole: an integer.
    """

    key: str
    options: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    log: bool = False
    mirrored: bool = False
    whole: bool = False

    def suggest(self, trial: Any) -> Value:
        """A value from an optuna trial."""
        if self.options:
            return trial.suggest_categorical(self.key, self.options)
        if self.whole:
            return trial.suggest_int(self.key, int(self.low), int(self.high), step=int(self.step) or 1, log=self.log)
        if self.step:
            return _tidy(trial.suggest_float(self.key, self.low, self.high, step=self.step))
        if self.mirrored:
            x = 1 - trial.suggest_float(f"1 - {self.key}", 1 - self.high, 1 - self.low, log=True)
            return min(max(x, self.low), self.high)  # the difference is rounded
        return trial.suggest_float(self.key, self.low, self.high, log=self.log)

    @property
    def ends(self) -> tuple[Value, ...]:
        """What stands for all values: if these can be run, all can."""
        return self.options or (self.low, self.high)

    @property
    def inside(self) -> Value:
        if self.options or self.whole or self.step:
            return self.ends[0]
        return self.low + GOLDEN * (self.high - self.low)


class Space(NamedTuple):
    """What a search's command line says. fixed: key -> override of every trial. seeds: for each of which it is run."""

    dimensions: list[Dimension]
    fixed: dict[str, str]
    seeds: list[str]


def read(overrides: Sequence[Any]) -> Space:
    """Hydra's parsed overrides -> what is searched, what is fixed, and the seeds. The last word on a key holds.

    Raises:
        PadlError: a range that is empty, or that its tag does not fit.
    """
    space = Space([], {}, [])
    for key, override in {override.get_key_element(): override for override in overrides}.items():
        if not override.is_sweep_override():
            space.fixed[key] = override.input_line
        elif key == "seed":
            space.seeds.extend(_options(override))
        else:
            space.dimensions.append(_dimension(key, override))
    return space


def _options(override: Any) -> list[str]:
    if not override.is_discrete_sweep():
        raise PadlError("a seed is not searched: give a list or a range, and each trial is run for every one of them")
    options = list(dict.fromkeys(override.sweep_string_iterator()))
    if not options:
        raise PadlError(f"{override.input_line} is empty")
    return options


def _dimension(key: str, override: Any) -> Dimension:
    sweep, line = override.value(), override.input_line
    tags = set(getattr(sweep, "tags", ()))
    if tags - {"log"} or (tags and override.is_choice_sweep()):
        raise PadlError(f"{line}: the tag is log, of an interval or a range of numbers")
    if override.is_choice_sweep():
        return Dimension(key, options=tuple(_options(override)))
    found = _stepped(key, sweep) if override.is_range_sweep() else _interval(key, sweep)
    if not found.low < found.high and not (found.step and found.low == found.high):
        raise PadlError(f"{line} is empty: a range goes from the smaller to the larger number")
    if math.isinf(found.low) or math.isinf(found.high):
        raise PadlError(f"{line}: a range ends at numbers")
    if tags and found.low <= 0:
        raise PadlError(f"{line}: a logarithmic range starts above 0")
    if tags and found.step and (found.step, found.whole) != (1, True):
        raise PadlError(f"{line}: a logarithmic range has no steps: use interval")
    return found._replace(log=bool(tags))


def _interval(key: str, sweep: Any) -> Dimension:
    """`interval(0,1)`; integers, both ends among them, for `int(interval(1,100))`."""
    return Dimension(key, low=sweep.start, high=sweep.end, whole=isinstance(sweep.start, int))


def _stepped(key: str, sweep: Any) -> Dimension:
    """`range(0,10,2)`, as everywhere without its stop."""
    whole = all(isinstance(x, int) for x in (sweep.start, sweep.stop, sweep.step))
    values = [x if whole else _tidy(x) for x in sweep.range()]
    if not values:
        return Dimension(key, low=sweep.start, high=-math.inf)
    return Dimension(key, low=min(values), high=max(values), step=abs(sweep.step), whole=whole)


def _tidy(x: float) -> float:
    """0.30000000000000004 -> 0.3: a multiple of a step as it would be typed."""
    return float(f"{x:.12g}")


def usual(keys: Sequence[str], draft: RunSpec, given: Sequence[str]) -> list[Dimension]:
    """The dimensions of `sweep.over`: keys in the ranges that their registered domains call worth searching.

    Args:
        draft: with the entries that the keys belong to. given: keys that the command line has values for.

    Raises:
        PadlError: a key there is not, without such a range, or given twice.
    """
    found = []
    for key in dict.fromkeys(keys):
        if key in given:
            raise PadlError(f"sweep.over has {key}, which also has values of its own: give one of the two")
        domain = _hyperparameter(key, draft).domain
        if domain.search is None:
            raise PadlError(f"sweep.over: {key} has no usual range to search: give {key}=interval(LOW,HIGH) instead")
        low, high = domain.search
        found.append(Dimension(key, low=low, high=high, log=domain.scale == "log", mirrored=domain.scale == "log1m"))
    return found


def _hyperparameter(key: str, draft: RunSpec) -> Hyperparameter:
    kind, dot, name = key.rpartition(".")
    if not dot:
        if name not in schema(Settings):
            advice = f"{near(name, schema(Settings))} (write it as optimizer.learning_rate)"
            raise PadlError(f"sweep.over: no key '{key}'{advice}")
        return schema(Settings)[name]
    parts: dict[str, Part] = {**draft.parts}
    if kind not in parts:
        advice = f": this run has no {kind}" if kind in KINDS else near(kind, KINDS)
        raise PadlError(f"sweep.over: no key '{key}'{advice}")
    entry = parts[kind].entry
    if name not in entry.hyperparameters:
        has = ", ".join(entry.hyperparameters) or "none"
        near_by = near(name, entry.hyperparameters)
        raise PadlError(f"sweep.over: {kind} '{entry.name}' has no key '{key}'{near_by} (it has: {has})")
    return entry.hyperparameters[name]


def bounds(dimensions: Sequence[Dimension]) -> dict[str, tuple[float, float]]:
    """The ends of the numeric ranges."""
    return {d.key.lstrip("+"): (float(d.low), float(d.high)) for d in dimensions if not d.options}
