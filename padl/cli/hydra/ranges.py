"""Read Hydra's parsed overrides as what a search may draw: `interval(0,1)`, `range(0,10,2)`, `choice(a,b)`, `a,b`.

read; with_ranges_listed, which puts the numbers of a range in its place, without its stop.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from padl.app.sweep.search_space import Dimension
from padl.types import PadlError


class Ranges(NamedTuple):
    """What the command line of a search says.

    Attributes:
        dimensions: what is searched. fixed: key -> override of every trial. seeds: each trial is run for all of them.
    """

    dimensions: list[Dimension]
    fixed: dict[str, str]
    seeds: list[str]


def read(overrides: Sequence[Any]) -> Ranges:
    """Sort Hydra's overrides into what is searched, what is fixed, and the seeds. The last word on a key holds.

    Raises:
        PadlError: a range that is empty, or that its tag does not fit.
    """
    ranges = Ranges([], {}, [])
    for key, override in {override.get_key_element(): override for override in overrides}.items():
        if not override.is_sweep_override():
            ranges.fixed[key] = override.input_line
        elif key == "seed":
            ranges.seeds.extend(_options(override))
        else:
            ranges.dimensions.append(_dimension(key, override))
    return ranges


def with_ranges_listed(overrides: Sequence[Any]) -> list[Any]:
    """Put the numbers of a range in its place: `range(0.1,0.4,0.1)` is 0.1, 0.2, 0.3, without its stop as everywhere.

    Hydra adds binary fractions up, and comes out at 0.4, or just below it, or not.
    """
    from hydra.core.override_parser.types import ChoiceSweep

    for override in overrides:
        if override.is_range_sweep():
            sweep = override.value()
            override._value = ChoiceSweep(list=_numbers(sweep), shuffle=sweep.shuffle, tags=sweep.tags)
    return list(overrides)


def _numbers(sweep: Any) -> list[Any]:
    """The numbers of a range, each as exact as it is written."""
    bounds = (sweep.start, sweep.stop, sweep.step)
    if all(isinstance(x, int) for x in bounds):
        return list(range(*bounds))
    if not all(map(math.isfinite, bounds)):
        raise PadlError(f"range({sweep.start},{sweep.stop},{sweep.step}): a range ends at numbers")
    start, stop, step = (Decimal(str(x)) for x in bounds)
    count = max(0, math.ceil((stop - start) / step)) if step else 0
    return [float(start + i * step) for i in range(count)]


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
    dimension = _stepped(key, sweep) if override.is_range_sweep() else _interval(key, sweep)
    _check_ends(dimension, line)
    if tags:
        _check_logarithmic(dimension, line)
    return dimension._replace(log=bool(tags))


def _interval(key: str, sweep: Any) -> Dimension:
    """`interval(0,1)`; integers, both ends among them, for `int(interval(1,100))`."""
    return Dimension(key, low=sweep.start, high=sweep.end, integer=isinstance(sweep.start, int))


def _stepped(key: str, sweep: Any) -> Dimension:
    """`range(0,10,2)`, as everywhere without its stop."""
    integer = all(isinstance(x, int) for x in (sweep.start, sweep.stop, sweep.step))
    values = _numbers(sweep)
    if not values:
        return Dimension(key, low=sweep.start, high=-math.inf)
    return Dimension(key, low=min(values), high=max(values), step=abs(sweep.step), integer=integer)


def _check_ends(dimension: Dimension, line: str) -> None:
    one_value = dimension.step and dimension.low == dimension.high
    if not dimension.low < dimension.high and not one_value:
        raise PadlError(f"{line} is empty: a range goes from the smaller to the larger number")
    if math.isinf(dimension.low) or math.isinf(dimension.high):
        raise PadlError(f"{line}: a range ends at numbers")


def _check_logarithmic(dimension: Dimension, line: str) -> None:
    if dimension.low <= 0:
        raise PadlError(f"{line}: a logarithmic range starts above 0")
    if dimension.step and (dimension.step, dimension.integer) != (1, True):
        raise PadlError(f"{line}: a logarithmic range has no steps: use interval")
