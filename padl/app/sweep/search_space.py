"""What a search draws from: dimensions, with ends that can be checked, and the usual ranges of hyperparameters."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from padl.app.composition import visited
from padl.app.names import Part, find
from padl.app.run_spec import RunSpec
from padl.app.settings import Settings, schema
from padl.registry import Hyperparameter, near
from padl.types import KINDS, PadlError

Value = str | int | float
GOLDEN = 0.381966  # of the way from low to high: no whole number by chance


class Dimension(NamedTuple):
    """One key that is searched.

    Attributes:
        key: as on the command line, `optimizer.learning_rate`.
        options: what to choose from; () for a number from low to high.
        low, high: the ends, both included. step: between two numbers, 0 for all of them.
        log: drawn evenly in the logarithm. mirrored: in that of 1 - x, as decay rates want it. integer: an integer.
    """

    key: str
    options: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    log: bool = False
    mirrored: bool = False
    integer: bool = False

    def suggest(self, trial: Any) -> Value:
        """Draw a value from an optuna trial."""
        if self.options:
            return trial.suggest_categorical(self.key, self.options)
        if self.integer:
            return trial.suggest_int(self.key, int(self.low), int(self.high), step=int(self.step) or 1, log=self.log)
        if self.step:
            return tidy(trial.suggest_float(self.key, self.low, self.high, step=self.step))
        if self.mirrored:
            x = 1 - trial.suggest_float(f"1 - {self.key}", 1 - self.high, 1 - self.low, log=True)
            return min(max(x, self.low), self.high)  # the difference is rounded
        return trial.suggest_float(self.key, self.low, self.high, log=self.log)

    @property
    def ends(self) -> tuple[Value, ...]:
        """The values that stand for all others: if these can be run, all can."""
        return self.options or (self.low, self.high)

    @property
    def inside(self) -> Value:
        """A value between the ends, where there is one."""
        if self.options or self.integer or self.step:
            return self.ends[0]
        return self.low + GOLDEN * (self.high - self.low)


def tidy(x: float) -> float:
    """Round a multiple of a step to what would be typed: 0.30000000000000004 -> 0.3."""
    return float(f"{x:.12g}")


def usual(keys: Sequence[str], spec: RunSpec, taken: Sequence[str]) -> list[Dimension]:
    """Give the keys of `sweep.over` the ranges that their registered domains call worth searching.

    Args:
        keys: of `sweep.over`. spec: with the entries that the keys belong to. taken: keys that have values already.

    Raises:
        PadlError: a key there is not, without such a range, or given twice.
    """
    dimensions = []
    for key in dict.fromkeys(keys):
        if key in taken:
            raise PadlError(f"sweep.over has {key}, which also has values of its own: give one of the two")
        domain = _hyperparameter(key, spec).domain
        if domain.search is None:
            raise PadlError(f"sweep.over: {key} has no usual range to search: give {key}=interval(LOW,HIGH) instead")
        low, high = domain.search
        dimensions.append(
            Dimension(key, low=low, high=high, log=domain.scale == "log", mirrored=domain.scale == "log1m")
        )
    return dimensions


def _hyperparameter(key: str, spec: RunSpec) -> Hyperparameter:
    kind, dot, name = key.partition(".")
    if not dot:
        name = kind
        if name not in schema(Settings):
            advice = f"{near(name, schema(Settings))} (write it as optimizer.learning_rate)"
            raise PadlError(f"sweep.over: no key '{key}'{advice}")
        return schema(Settings)[name]
    parts: dict[str, Part] = {**spec.parts}
    if kind not in parts:
        advice = f": this run has no {kind}" if kind in KINDS else near(kind, KINDS)
        raise PadlError(f"sweep.over: no key '{key}'{advice}")
    entry, known = parts[kind].entry, dict(parts[kind].entry.hyperparameters)
    if kind == "optimizer":
        known |= {each.removeprefix("optimizer."): found for each, found in _of_optimizer(parts[kind]).items()}
    if name not in known:
        has = ", ".join(known) or "none"
        raise PadlError(f"sweep.over: {kind} '{entry.name}' has no key '{key}'{near(name, known)} (it has: {has})")
    return known[name]


def _of_optimizer(optimizer: Part) -> dict[str, Hyperparameter]:
    """The hyperparameters of an optimizer, of those within it and around it, {key: hyperparameter}."""
    found: dict[str, Hyperparameter] = {}

    def note(key: str, hyperparameter: Hyperparameter, value: Any) -> Any:
        found[key] = hyperparameter
        return value

    visited(optimizer.entry, optimizer.config, find, note)
    return found


def bounds(dimensions: Sequence[Dimension]) -> dict[str, tuple[float, float]]:
    """Return the ends of the numeric ranges."""
    return {d.key.lstrip("+"): (float(d.low), float(d.high)) for d in dimensions if not d.options}


def probes(dimensions: Sequence[Dimension]) -> list[dict[str, Value]]:
    """Settings to check before anything runs: one inside all ranges, then one at each end or option of each."""
    inside = {d.key: d.inside for d in dimensions}
    return [inside, *({**inside, d.key: end} for d in dimensions for end in d.ends)]
