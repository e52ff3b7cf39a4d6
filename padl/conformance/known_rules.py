"""Which known rule an optimizer equals, at which values of its numbers, for which arrays. Equality, equalities.

The search: the optimizer's numbers are moved off their defaults, so that no two of them agree, but for those that are
0. Then none, one or two of them are given a special value: 0, 1, or that of another number. A known rule takes for each
of its numbers one of the optimizer's, 0, or its own default. Equal are two whose updates agree to 1e-9 of the largest,
in float64, on three streams of gradients; an update that is 0 agrees with nothing.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

from padl.conformance.checked_optimizer import CheckedOptimizer, domain_of, size
from padl.conformance.invariances import EXACT, Form, apart_by_form
from padl.conformance.problems import START, STEPS, Stream, given, noisy
from padl.nested import flattened, with_value
from padl.types import PyTree

Value = float | str  # a number, or the name of another one whose value it has
RATE = "learning_rate"
STREAMS: Sequence[Stream] = (
    given(START, seed=1),
    noisy(START, seed=2),
    given(START, seed=3).scaled(np.geomspace(1e-3, 1e3, STEPS)),
)
BOTH: tuple[Form, ...] = ("matrices", "vectors")
MOST = 100  # values of a known rule's numbers that are tried together


class Equality(NamedTuple):
    """An optimizer and a known rule that go one way.

    Attributes:
        known: the rule's name. where: {number of the optimizer: value}; at any values of the others. known_where: of
            the known rule, what is not the number of the same name. forms: of the arrays for which it is so.
        degenerate: whether a number of the known rule is 0 that is not so by default; such are given where there are no
            others. by_default: names in `where` whose value is their default.
    """

    known: str
    where: Mapping[str, Value]
    known_where: Mapping[str, Value]
    forms: tuple[Form, ...]
    degenerate: bool = False
    by_default: frozenset[str] = frozenset()


@dataclass(eq=False)
class Walker:
    """A rule, and the updates of its courses so far."""

    rule: CheckedOptimizer
    walked: dict[tuple[int, tuple[float, ...]], PyTree] = field(default_factory=dict)

    def updates(self, stream: int, numbers: Mapping[str, float]) -> PyTree:
        """Its updates on one of STREAMS; numbers within another optimizer have dotted names."""
        key = stream, tuple(numbers.values())
        if key not in self.walked:
            nested = dict(self.rule.numbers)
            for name, x in numbers.items():
                nested = with_value(nested, name, x)
            self.walked[key] = self.rule.course(STREAMS[stream], nested, start=START).updates
        return self.walked[key]


def equalities(rule: CheckedOptimizer, known: Mapping[str, CheckedOptimizer]) -> tuple[Equality, ...]:
    """Search for known rules that an optimizer equals.

    Args:
        known: the simplest first; one of the optimizer's own name is passed over.
    """
    if rule.is_for_heads:
        return ()
    walker = Walker(rule)
    found = [_found(walker, name, Walker(other)) for name, other in known.items() if name != rule.label]
    every = [_with_defaults(each, flattened(rule.numbers)) for each in found if each is not None]
    fewest = min((len(each.where) for each in every), default=0)
    return tuple([x for x in every if not x.degenerate] or [x for x in every if len(x.where) == fewest])


def _with_defaults(found: Equality, defaults: Mapping[str, float]) -> Equality:
    return found._replace(by_default=frozenset(name for name, x in found.where.items() if defaults[name] == x))


def _found(walker: Walker, name: str, known: Walker) -> Equality | None:
    """The equality with the fewest special values, that of all arrays before one of some."""
    numbers, degenerate = _apart(walker.rule), None
    zeros: dict[str, Value] = {each: 0.0 for each, x in flattened(walker.rule.numbers).items() if x == 0}
    for several in _specials(numbers):
        some = None
        for special in several:
            for each in _equalities(walker, name, known, numbers, {**zeros, **special}):
                if each.degenerate:
                    degenerate = degenerate or each
                elif each.forms == BOTH:
                    return _fewest(walker, known, numbers, each, zeros)
                else:
                    some = some or each
        if some:
            return _fewest(walker, known, numbers, some, zeros)
    return degenerate and _fewest(walker, known, numbers, degenerate, zeros)


def _apart(rule: CheckedOptimizer) -> dict[str, float]:
    """The numbers moved a little off their defaults, each by another share; 0 becomes a small number."""
    moved = {}
    for k, (name, value) in enumerate(flattened(rule.numbers).items()):
        share = 1 + 0.03 * (k + 1)
        is_decay = 0.5 < value <= 1 and not name.endswith(RATE)
        moved[name] = 1 - max(1 - value, 0.05) * share if is_decay else value * share if value else 0.02 * share
    return moved


def _decays(numbers: Mapping[str, float]) -> list[str]:
    return [name for name, x in numbers.items() if 0.5 < x < 1 and not name.endswith(RATE)]


def _specials(numbers: Mapping[str, float]) -> Iterator[list[dict[str, Value]]]:
    """No special value, then one, then two; a learning rate has none."""
    single: list[tuple[str, Value]] = [(other, name) for name, other in combinations(_decays(numbers), 2)]
    single += [(name, x) for name in numbers if not name.endswith(RATE) for x in (0.0, 1.0) if _may_be(name, x)]
    yield [{}]
    yield [{name: value} for name, value in single]
    yield [dict(pair) for pair in combinations(single, 2) if pair[0][0] != pair[1][0]]


def _may_be(name: str, value: float) -> bool:
    """Whether a number has this value, or 0 is the open end of where it lives, as of an eps."""
    domain = domain_of(name.rpartition(".")[2])
    return domain.low <= 0 if value == 0 else value in domain and domain.high < math.inf


def _values(numbers: Mapping[str, float], special: Mapping[str, Value]) -> dict[str, float]:
    """All numbers, with the special values of some."""
    return {**numbers, **{name: numbers[x] if isinstance(x, str) else x for name, x in special.items()}}


def _equalities(
    walker: Walker, name: str, known: Walker, numbers: Mapping[str, float], special: Mapping[str, Value]
) -> Iterator[Equality]:
    """What a known rule equals at these special values."""
    values = _values(numbers, special)
    own = known.rule.own_numbers
    choices = [dict(_choices(each, default, values, _decays(numbers))) for each, default in own.items()]
    for k, said in enumerate(product(*choices)):
        if k == MOST:
            return
        known_values = {each: choices[i][said[i]] for i, each in enumerate(own)}
        forms = _equal_forms(walker, values, known, known_values)
        if forms:
            where = {each: x for each, x in zip(own, said, strict=True) if x != each}
            is_degenerate = any(x == 0 and own[each] != 0 for each, x in known_values.items())
            yield Equality(name, special, where, forms, is_degenerate)


def _choices(
    name: str, default: float, values: Mapping[str, float], decays: Sequence[str]
) -> Iterator[tuple[Value, float]]:
    """What a number of a known rule may be, as it is said and as a number."""
    alike = [each for each in values if each.rpartition(".")[2] == name]
    yield from ((each, values[each]) for each in alike)
    if name in _decays({name: default}):
        yield from ((each, values[each]) for each in decays if each not in alike)
    if name != RATE and default:
        yield 0.0, 0.0
    if not alike:
        yield default, default


def _equal_forms(
    walker: Walker, values: Mapping[str, float], known: Walker, known_values: Mapping[str, float]
) -> tuple[Form, ...]:
    """The forms of arrays for which both go one way on all streams."""
    forms = BOTH
    for stream in range(len(STREAMS)):
        one, other = walker.updates(stream, values), known.updates(stream, known_values)
        apart = apart_by_form(one, other) if size(other) else {}
        forms = tuple(form for form in forms if apart.get(form, math.inf) <= EXACT)
        if not forms:
            break
    return forms


def _fewest(
    walker: Walker, known: Walker, numbers: Mapping[str, float], found: Equality, zeros: Mapping[str, Value]
) -> Equality:
    """The same without those numbers that are 0 by default and could be any."""
    for name in zeros:
        fewer = {each: x for each, x in found.where.items() if each != name}
        for each in _equalities(walker, found.known, known, numbers, fewer):
            if (each.known_where, each.forms) == (found.known_where, found.forms):
                found = each
                break
    return found
