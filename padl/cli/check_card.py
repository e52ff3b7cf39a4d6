"""Write the card of an optimizer, what is measured of it and not judged, as lines. lines_of."""

import math
from collections.abc import Iterator, Mapping

from padl.conformance.costs import FEW, MANY, SIDE, Costs, StateBytes
from padl.conformance.invariances import EXACT, Form, Invariance
from padl.conformance.known_rules import Equality, Value
from padl.conformance.measurements import NotMeasured, OptimizerCard, SlowFacts
from padl.conformance.responses import REMEMBERED, Responses
from padl.conformance.rounded_products import Roundings
from padl.types import short

FORMS: tuple[Form, ...] = ("matrices", "vectors")
GAP = "  "
SPREADS = {
    "nothing": "no parameter is lost to it",
    "that number": "its parameter is lost, and no other",
    "that array": "its array is lost, or numbers of it, and no other",
    "other arrays": "parameters of other arrays are lost too",
    "all arrays": "all arrays are lost",
}


def lines_of(card: OptimizerCard) -> list[str]:
    """Write a card, a fact a line; what could not be measured says why."""
    return [
        f"{card.label}, measured at its defaults without weight decay; nothing here is judged",
        *_part("How it moves", card.responses, _of_responses),
        *_part("State, in bytes for a parameter of float32", card.state_bytes, _of_state),
        *_part("What leaves its course as it is", card.invariances, _of_invariances),
        *(_of_slow(card.slow) if card.slow is not None else ()),
    ]


def _part(title: str, facts, write) -> Iterator[str]:
    yield title
    lines = [f"not measured: {facts.reason}"] if isinstance(facts, NotMeasured) else write(facts)
    yield from (f"{GAP}{line}" for line in lines)


def _of_responses(r: Responses) -> Iterator[str]:
    has_rate = not math.isnan(r.rate)
    at = f"at its learning rate of {short(r.rate)}" if has_rate else "at its defaults"
    yield f"{at} it moves {_number(r.rms / r.adamw_rms)} times as far as AdamW at {short(r.adamw_rate)}"
    if has_rate and 0 < r.times_adamw_rate < math.inf:
        of_size = " where gradients are of size 1: their size counts" if r.sees_size else ""
        yield f"multiply your AdamW learning rate by {_number(r.times_adamw_rate)} to move as far{of_size}"
    yield f"(root mean square of updates {r.steps // 2 + 1} to {r.steps}, gradients independent and of size 1)"
    yield f"first update: {_number(r.first)}{' times the learning rate' * has_rate}, of a gradient of size 1"
    yield f"constant gradient: {_constant(r)}"
    yield f"once gradients are 0: {_remembered(r.remembers)}"
    yield f"one NaN in a gradient: {SPREADS[r.nan_spreads]}"


def _constant(r: Responses) -> str:
    if r.steady <= EXACT:
        return "constant updates"
    return f"the twelfth update is {_number(r.grows)} times as long as the first"


def _remembered(steps: int) -> str:
    if steps == 0:
        return "it stands still at once"
    if steps >= REMEMBERED:
        return f"after {REMEMBERED} steps it still moves by more than a tenth of what it did"
    return f"{steps} more updates are longer than a tenth of the last"


def _of_state(s: StateBytes) -> Iterator[str]:
    yield f"{_number(s.vector)} of a vector, {_number(s.square)} of a square matrix, {_number(s.long)} of a long one"


def _of_invariances(every: tuple[Invariance, ...]) -> Iterator[str]:
    forms = [form for form in FORMS if any(form in each.apart for each in every)]
    rows = [["", *forms]]
    rows += [
        [each.name, *(_answer(each.apart[form]) if form in each.apart else "" for form in forms)] for each in every
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
    power = next((each.power for each in every if not math.isnan(each.power)), math.nan)
    if abs(power) > EXACT**0.5:
        yield f"gradients times c give updates times c^{_number(round(power, 4))}"
    yield "(no: the largest difference of updates, of the largest update)"


def _answer(apart: float) -> str:
    invariance = Invariance("", {"matrices": apart})
    if not invariance.holds("matrices"):
        return f"no ({_number(apart)})"
    return "yes" if apart <= EXACT else f"yes, to {apart:.0e}"


def _of_slow(slow: SlowFacts) -> Iterator[str]:
    yield from _part("Which known rule it is", slow.equalities, _of_equalities)
    yield from _part("Products of matrices that round their factors", slow.roundings, _of_roundings)
    yield from _part("Costs", slow.costs, _of_costs)


def _of_equalities(every: tuple[Equality, ...]) -> Iterator[str]:
    for each in every:
        only = f"of {each.forms[0]} it" if len(each.forms) == 1 else "it"
        given = f" with {_settings(each.known_where)}" if each.known_where else ""
        yield f"{only} is {each.known}{given}, {_where(each)}"
    if not every:
        yield "none that was compared, at no values that were tried"


def _where(each: Equality) -> str:
    """`where b2 = b1 and, as by default, weight_decay = 0`."""
    special = {name: x for name, x in each.where.items() if name not in each.by_default}
    usual = {name: x for name, x in each.where.items() if name in each.by_default}
    parts = [_settings(special, " = ")] * bool(special)
    parts += [f"as by default, {_settings(usual, ' = ')}"] * bool(usual)
    return f"where {' and, '.join(parts)}" if parts else "at all values"


def _settings(values: Mapping[str, Value], equals: str = "=") -> str:
    """`momentum=b1`; of all numbers of an optimizer within it "the numbers of others"."""
    within = {x.rpartition(".")[0] for x in values.values() if isinstance(x, str)}
    if len(within) == 1 and "" not in within and len(values) > 1:
        return f"the numbers of {within.pop()}"
    return ", ".join(f"{name}{equals}{short(x)}" for name, x in values.items())


def _of_roundings(r: Roundings) -> Iterator[str]:
    if not any(r):
        yield "it has none whose precision is left to JAX"
        return
    for name, apart in r._asdict().items():
        yield f"in {name} it ends {_number(apart)} of its way off, after 12 steps of a (64, 32) matrix"


def _of_costs(c: Costs) -> Iterator[str]:
    yield f"{_number(c.flops)} floating-point operations for a parameter of a square matrix"
    yield f"{_number(c.lines)} lines of program for each further array"
    many = "not tried" if math.isnan(c.compile_many) else f"{_number(c.compile_many)} s"
    yield f"compilation: {_number(c.compile_few)} s for {FEW} small arrays, {many} for {MANY}"
    yield f"an update of a ({SIDE}, {SIDE}) matrix: {_number(c.step)} µs on {c.device}, the median of {c.rounds}"


def _number(x: float) -> str:
    return f"{x:.3g}" if x < 1000 or x >= 1e6 else f"{x:,.0f}"
