"""Check what trains, anyone's, by name, file, package or as the function itself. check, Report, subjects, planned.

    padl.check("lion")                     a registered name; of several kinds "optimizer:lion"
    padl.check("mine.py")                  all that a file registers; "mine.py:rule" one function of it
    padl.check("stranger")                 all that an installed plugin registers
    padl.check("optax:contrib.muon")       a function of a module
    padl.check(optax.lion, b1=0.8)         the function itself, with other values

A kind that is checked has a line in OF_ENTRY: what makes of an entry what its checks see.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from padl.app.checked_items import checked_item
from padl.app.checked_things import checked_entry, checked_function
from padl.app.compilation_cache import use_compilation_cache
from padl.app.named_things import Named, import_of, registered, things_called
from padl.app.optimizer_card import card_of
from padl.app.optimizer_difference import parsed
from padl.app.oracle_files import oracle_for
from padl.conformance.checks import Check, Outcome
from padl.conformance.measurements import OptimizerCard
from padl.conformance.optimizer_programs import DEVICES
from padl.conformance.oracle import oracle_check
from padl.conformance.suite import CHECKS, checks_for, run_checks
from padl.engine.mesh import split_cpu
from padl.errors import near
from padl.jax_flags import pinned
from padl.messages import warn
from padl.origins import PADL
from padl.registry import Entry
from padl.signature_checks import hints
from padl.types import Kind, PadlError

OF_ENTRY: Mapping[Kind, Callable[[Entry, Mapping[str, Any], str], Any]] = {
    "optimizer": checked_entry,
    **dict.fromkeys(("loss", "model", "task", "schedule"), checked_item),
}
ORACLE = "oracle"  # the check, and what the function may be called


class Subject(NamedTuple):
    """One thing that is put through checks.

    Attributes:
        label: as its code names it. origin: whose it is. settings: hyperparameters that are not its defaults. checked:
            it as checks see it. hints: on its signature, a line each.
    """

    kind: Kind
    label: str
    origin: str
    settings: Mapping[str, Any]
    checked: Any
    hints: tuple[str, ...] = ()


class Report(list[Outcome]):
    """What came of checks, in their order."""

    @property
    def failures(self) -> list[Outcome]:
        """Those that fail."""
        return [each for each in self if each.status == "fail"]

    def raise_failures(self) -> None:
        """Raise AssertionError where a check fails, with the reason and the smallest case of each."""
        if self.failures:
            raise AssertionError("\n\n".join(map(told, self.failures)))

    def __repr__(self) -> str:
        lines = [f"{each.label}  {each.check.name}  {each.status}  {each.reason}".rstrip() for each in self]
        return "\n".join(lines) or "no checks"


def told(outcome: Outcome) -> str:
    """Write a failure in words: what was promised, why that is not kept, and the smallest case."""
    case = f"\n\n{outcome.case}" if outcome.case else ""
    return f"{outcome.label}: {outcome.check.name} fails: {outcome.reason}\npromised: {outcome.check.promise}{case}"


def check(
    thing: Any, *, only: str | Iterable[str] = (), slow: bool = False, oracle: Any = None, **settings: Any
) -> Report:
    """Put something through the checks, and return what came of each.

    Args:
        thing: a name, a file, a package or "module:function", as `padl check` takes it; or a function that makes an
            Optax transformation, or one that is registered.
        only: names of checks or of groups ("contract", "behaviour"); all where it is empty. slow: whether slow
            ones are among them.
        oracle: the author's own function of NumPy, (w, grads, **hyperparameters) -> w after each step; or a file of it.
        settings: hyperparameters to check it with.

    Raises:
        PadlError: there is nothing of that name, it cannot be loaded or made, or there is no such check.
    """
    plan = planned(subjects(thing, settings), only, slow, oracle)
    return Report(outcome for subject, checks in plan for outcome in outcomes(subject, checks))


def subjects(thing: Any, settings: Mapping[str, Any] | None = None) -> list[Subject]:
    """Return what is to be checked; `thing`, `settings` and what raises are those of `check`."""
    things = things_called(thing) if isinstance(thing, str) else [Named(thing, code=import_of(thing))]
    checkable = [each for each in things if not isinstance(each.thing, Entry) or each.thing.kind in OF_ENTRY]
    left_out = [f"{each.thing.kind} '{each.thing.name}'" for each in things if each not in checkable]
    if left_out:
        line = f"{', '.join(left_out)}: there are checks of {' and '.join(OF_ENTRY)} alone"
        if not checkable:
            raise PadlError(line)
        warn(line)
    if settings and len(checkable) > 1:
        raise PadlError(f"'{thing}' is several things: settings are of one, as in 'padl check adam b1=0.8'")
    return [_subject(each, settings or {}) for each in checkable]


def _subject(named: Named, settings: Mapping[str, Any]) -> Subject:
    entry = named.thing if isinstance(named.thing, Entry) else registered(named.thing)
    if entry is not None:
        checked = OF_ENTRY[entry.kind](entry, settings, named.code)
        said = () if entry.origin == PADL else tuple(hints(entry))
        subject = Subject(entry.kind, entry.name, entry.origin, settings, checked, said)
    else:
        checked = checked_function(named.thing, settings, named.label, named.code)
        subject = Subject("optimizer", checked.label, "", settings, checked)
    unknown = [name for name in checked.traits.get("exempt", {}) if name not in _names(subject.kind)]
    if unknown:
        is_near = near(unknown[0], _names(subject.kind))
        raise PadlError(f"{subject.kind} '{subject.label}' is exempt from '{unknown[0]}', which is no check{is_near}")
    return subject


def planned(
    found: Iterable[Subject], only: str | Iterable[str] = (), slow: bool = False, oracle: Any = None
) -> list[tuple[Subject, list[Check]]]:
    """Pair what is checked with its checks; `only`, `slow`, `oracle` and what raises are those of `check`."""
    wanted = [only] if isinstance(only, str) else list(only)
    plan = [(subject, _checks_of(subject, wanted, slow, oracle)) for subject in found]
    if not any(checks for _, checks in plan):
        kinds = " and ".join(dict.fromkeys(subject.kind for subject, _ in plan))
        raise PadlError(
            f"of {', '.join(wanted)} nothing is a check of {kinds}: 'padl check --list' says of what each is"
        )
    return [(subject, checks) for subject, checks in plan if checks]


def _checks_of(subject: Subject, only: Iterable[str], slow: bool, oracle: Any) -> list[Check]:
    """The checks of one thing; PadlError where there is no check or group of a name, or an oracle does not fit."""
    known = {name: None for each in CHECKS for name in (each.name, each.group)} | {ORACLE: None}
    for word in only:
        if word not in known:
            raise PadlError(f"no check or group '{word}'{near(word, known) or ';'} 'padl check --list' shows all")
    if ORACLE in only and oracle is None:
        raise PadlError(f"the check {ORACLE} compares with a file: --oracle FILE.py")
    mine = [each for each in only if each != ORACLE]
    found = checks_for(subject.kind, mine, slow) if mine or not only else []
    if oracle is None:
        return found
    if subject.kind != "optimizer":
        raise PadlError(f"{subject.kind} '{subject.label}': an oracle is of optimizers")
    return [oracle_check(oracle_for(oracle, subject.checked)), *found]


def _names(kind: Kind) -> list[str]:
    return [*(each.name for each in CHECKS if each.kind == kind), ORACLE]


def outcomes(subject: Subject, checks: Iterable[Check]) -> Iterator[Outcome]:
    """Make checks, and give the outcome of each as it is known; JAX's flags that change numbers are as in a run."""
    for each in checks:
        with pinned():
            found = list(run_checks(subject.checked, [each]))
        yield from found


def measured(subject: Subject, slow: bool = False) -> OptimizerCard:
    """Measure an optimizer, as `optimizer_card.card_of` does, with JAX's flags as in a run."""
    with pinned():
        return card_of(subject.checked, slow)


def prepare() -> None:
    """Let a CPU be as many devices as a check takes, and keep compiled programs: to be called before JAX is used."""
    split_cpu(DEVICES)
    use_compilation_cache("auto")


class Promise(NamedTuple):
    """What a check is called, what it is of, and what is kept where it passes."""

    name: str
    kind: Kind
    group: str
    promise: str
    slow: bool


def promises() -> list[Promise]:
    """List all checks, that with an oracle last."""
    every = [*CHECKS, oracle_check(None)]
    return [Promise(each.name, each.kind, each.group, each.promise, each.slow) for each in every]


def settings_of(words: Iterable[str]) -> dict[str, Any]:
    """Read words KEY=VALUE.

    Raises:
        PadlError: a value that does not parse.
    """
    values = {}
    for word in words:
        key, _, text = word.partition("=")
        try:
            values[key] = parsed(text)
        except yaml.YAMLError as error:
            raise PadlError(f"'{word}' does not parse: give {key}=VALUE") from error
    return values
