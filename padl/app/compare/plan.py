"""Check a comparison whole, before anything is compiled or written. ComparePlan, resolve, one_line_for_candidates."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from padl.app import names
from padl.app.companions import idle_line
from padl.app.compare.landscapes import named_landscape, own_landscape
from padl.app.compare.settings import RANGE, CompareSettings, OutputSettings, parse
from padl.app.names import Part, part
from padl.app.objects import labelled
from padl.app.objects.signatures import label_of
from padl.app.objects.stored import as_stored
from padl.app.own_ranges import far_words, is_far, own_range
from padl.app.plugin_errors import one_line_for, one_line_of
from padl.app.stored_config import allowed
from padl.compare import trajectories
from padl.compare.trajectories import Candidate
from padl.runs.redaction import refuse_secret
from padl.surfaces.functions import check_start
from padl.surfaces.landscape import Landscape
from padl.types import PadlError, one_line, short

LARGEST = 1 << 28  # numbers that the trajectories of a comparison may hold


@dataclass(frozen=True)
class ComparePlan:
    """A comparison, ready to go.

    Attributes:
        config: every name and value. settings, output: its groups, checked.
        landscape: where optimizers walk. parts: the optimizers, resolved, by their labels.
        starts: (S, D). rates: rising, for each optimizer that has one and declares none worth trying for itself;
            own_rates: of those that do, by their labels; {} where rates were asked for.
        fixed: the learning rate that all are shown at, those of `own_rates` at their default; None where each is at its
            own best.
        noise: standard deviation of the gradient's. batch_size: rows of a step, None for all.
    """

    config: dict[str, Any]
    settings: CompareSettings
    output: OutputSettings
    landscape: Landscape
    parts: Mapping[str, Part]
    starts: np.ndarray
    rates: tuple[float, ...]
    own_rates: Mapping[str, tuple[float, ...]]
    fixed: float | None
    noise: float
    batch_size: int | None

    @property
    def candidates(self) -> dict[str, Candidate]:
        """The optimizers as functions and numbers, by their labels."""
        return {
            label: Candidate(
                optimizer.choice,
                optimizer.scalars,
                optimizer.entry.traits.get("batch") == "all",
                self.own_rates.get(label, ()),
            )
            for label, optimizer in self.parts.items()
        }

    @property
    def shown_at(self) -> dict[str, float] | None:
        """The learning rate that each optimizer is shown at; None where it is its own best."""
        if self.fixed is None:
            return None
        return {label: _default(self.parts[label]) if label in self.own_rates else self.fixed for label in self.parts}

    @property
    def said(self) -> list[str]:
        """A line on each optimizer that is asked to walk far from the learning rates that it declares, or that moves
        none of the parameters itself."""
        lines, roles = [], [role for _, role in self.landscape.declared()]
        for label, named in self.parts.items():
            idle = idle_line(named.entry, named.config, roles)
            lines += [idle if label == named.entry.name else f"{label}: {idle}"] if idle else []
            shown = self.rates if self.fixed is None else (self.fixed,)
            own, tried = own_range(named.entry), self.own_rates.get(label, shown)
            if own is not None and all(is_far(rate, own) for rate in tried):
                words = far_words(own, named.entry.hyperparameters["learning_rate"])
                lines.append(f"{label}: learning_rate={','.join(map(short, tried))} is {words}")
        return lines

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of `trajectories.begin`."""
        return {
            "rates": self.rates,
            "steps": self.settings.steps,
            "seed": self.settings.seed,
            "noise": self.noise,
            "batch_size": self.batch_size,
        }


def resolve(config: Mapping[str, Any], allow: str | Collection[str] = ()) -> ComparePlan:
    """Check a configuration whole and build what it names.

    Args:
        allow: as of `saved_runs.evaluate`, for the run that `checkpoint` names.

    Raises:
        PadlError: for the first thing that is wrong.
    """
    given = config.get("surface")
    if callable(given):
        config = {**config, "surface": label_of(given)}
    settings, output = parse(config)
    refuse_secret("run.dir", output.dir or "")
    surface = own_landscape(given, settings) if callable(given) else named_landscape(settings, allowed(allow))
    fixed, rates = _rates(settings, surface)
    starts, noise = _starts(settings, surface), surface.noise if settings.noise is None else settings.noise
    resolved = {"learning_rate": fixed, "start": starts[0].tolist(), "noise": noise}
    parts = _parts(settings.optimizers, rates)
    own_rates = _own_rates(settings, parts)
    resolved["optimizers"] = _recorded(settings.optimizers, parts)
    plan = ComparePlan(
        config={**asdict(settings), **resolved, "run": asdict(output)},
        settings=settings,
        output=output,
        landscape=surface,
        parts=parts,
        starts=starts,
        rates=rates,
        own_rates=own_rates,
        fixed=fixed,
        noise=noise,
        batch_size=_batch_size(settings, surface),
    )
    numbers = len(plan.parts) * len(rates) * plan.starts.size * settings.steps
    if numbers > LARGEST:
        raise PadlError(f"the paths would be {numbers:.2g} numbers: fewer steps, starts or learning_rates")
    return plan


def _recorded(optimizers: Sequence[Any], parts: Mapping[str, Part]) -> list[Any]:
    """The optimizers as config.yaml has them: as they were given, a thing from Python by its label."""
    pairs = zip(optimizers, parts.items(), strict=True)
    return [given if part.thing is None else as_stored(label) for given, (label, part) in pairs]


def _rates(settings: CompareSettings, surface: Landscape) -> tuple[float | None, tuple[float, ...]]:
    """The learning rate that all are shown at, or None; and all that are tried, rising."""
    rates, (low, high) = settings.learning_rates, settings.learning_rate_range
    if isinstance(rates, tuple) and (settings.learning_rate_range != RANGE or not rates):
        raise PadlError("learning_rates is a list of rates: of one or more, and without learning_rate_range")
    if low > high:
        raise PadlError(f"learning_rate_range={[low, high]} has its larger end first: give [{high:g},{low:g}]")
    tried = rates if isinstance(rates, tuple) else np.geomspace(low, high, rates).tolist()
    if settings.mode == "tuned":
        if settings.learning_rate is not None:
            raise PadlError(
                f"learning_rate={settings.learning_rate:g} is for mode=fixed: learning_rates are tuned over"
            )
        return None, tuple(sorted(set(tried)))
    fixed = surface.rate if settings.learning_rate is None else settings.learning_rate
    return fixed, tuple(sorted({*_apart(tried, fixed), fixed}))


def _own_rates(settings: CompareSettings, parts: Mapping[str, Part]) -> dict[str, tuple[float, ...]]:
    """As many learning rates for each optimizer that declares its own, by labels; {} where some were asked for."""
    count, usual = settings.learning_rates, settings.learning_rate_range == RANGE
    if isinstance(count, tuple) or not usual or settings.learning_rate is not None:
        return {}
    own = {label: own_range(named.entry) for label, named in parts.items()}
    tried = {label: np.geomspace(*between, count).tolist() for label, between in own.items() if between is not None}
    shown = {label: _default(parts[label]) for label in tried} if settings.mode == "fixed" else {}
    return {
        label: tuple(sorted({*_apart(rates, shown[label]), shown[label]} if label in shown else rates))
        for label, rates in tried.items()
    }


def _apart(rates: Sequence[float], shown: float) -> list[float]:
    """The learning rates without one that is, but for rounding, the one to be shown."""
    return [rate for rate in rates if not np.isclose(rate, shown, rtol=1e-5, atol=0)]


def _default(optimizer: Part) -> float:
    return float(optimizer.entry.hyperparameters["learning_rate"].default)


def _parts(optimizers: tuple[Any, ...], rates: tuple[float, ...]) -> dict[str, Part]:
    """The optimizers by labels that tell them apart."""
    if not optimizers:
        raise PadlError("optimizers=[] compares nothing: name one or more, as optimizers=[gd,adam]")
    parts: dict[str, Part] = {}
    for one in labelled("optimizer", optimizers):
        config = {"name": one} if isinstance(one, str) else one
        if not isinstance(config, Mapping) or "name" not in config:
            raise PadlError(f"optimizers: {one!r} must be a name, or a name with numbers as {{name: adam, b1: 0.8}}")
        name = config["label"] if config.get("label") else config["name"]
        numbers = (f"{key}={short(value)}" for key, value in config.items() if key not in ("name", "label"))
        label = " ".join([str(name), *numbers])
        if label in parts:
            raise PadlError(f"optimizers: {label} stands there twice: give one of them other numbers")
        parts[label] = _part(config, rates)
    return parts


def _part(config: Mapping[str, Any], rates: tuple[float, ...]) -> Part:
    """One optimizer; its learning rate, where it has one, is a number that the comparison sets."""
    entry = names.entry("optimizer", config)
    learning_rate = entry.hyperparameters.get("learning_rate")
    if learning_rate is None:
        return part("optimizer", config)
    if "learning_rate" in config:
        raise PadlError(
            f"optimizers: the learning rate of {entry.name} is learning_rate= (mode=fixed) or learning_rates="
        )
    if not learning_rate.traced:
        raise PadlError(
            f"the learning_rate of optimizer '{entry.name}' is no Scalar: without it no rates can be compared"
        )
    for rate in rates:
        learning_rate.check(rate, f"learning rate of {entry.name}")
    return part("optimizer", {**config, "learning_rate": rates[0]})


def _starts(settings: CompareSettings, surface: Landscape) -> np.ndarray:
    """(S, D): the start, and others drawn in the view."""
    start = settings.start
    first = surface.start if start is None else check_start(start, surface, settings.surface, "start")
    low, high = np.array(surface.view).T
    others = np.random.default_rng(settings.seed).uniform(low, high, (settings.starts - 1, len(first)))
    return np.concatenate([np.array([first]), others])


def _batch_size(settings: CompareSettings, surface: Landscape) -> int | None:
    size = settings.batch_size
    if size in (None, "all"):
        return None
    if not surface.rows:
        raise PadlError(f"batch_size={size}: surface '{settings.surface}' has no rows; noise= makes its gradient noisy")
    if size > surface.rows:
        raise PadlError(f"batch_size={size} is larger than the {surface.rows} rows: at most {surface.rows}, or `all`")
    return size


@contextmanager
def one_line_for_candidates(plan: ComparePlan) -> Iterator[None]:
    """Turn what an optimizer raises while it is traced into one line that names it."""
    try:
        yield
    except Exception as error:
        for label in plan.parts:
            _raise_if_untraceable(plan, label, error)
        line = "" if isinstance(error, PadlError) else one_line_of(error, plan.parts.values())
        if not line:
            raise
        raise PadlError(line) from error


def _raise_if_untraceable(plan: ComparePlan, label: str, error: Exception) -> None:
    """Trace this optimizer alone, as the program of all does not say whose code it was."""
    try:
        with one_line_for({"optimizer": plan.parts[label]}):
            trajectories.trace(plan.landscape, {label: plan.candidates[label]}, plan.starts, **plan.options)
    except Exception as raised:
        point = "of 1 number" if len(plan.landscape.start) == 1 else f"of {len(plan.landscape.start)} numbers"
        why = raised if isinstance(raised, PadlError) else one_line(raised)
        raise PadlError(f"optimizer '{label}' cannot walk on a point {point}: {why}") from error
