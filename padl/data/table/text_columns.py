"""Give a column of text its kind, by one rule. of_text.

Numbers, of which some may be missing, are numbers; dates are dates; texts are categories. What may be either, or
neither, is refused: numbers among texts, numbers that are written for readers, texts that are nearly all different.
"""

from typing import Any, NamedTuple

import numpy as np

from padl.data.table import advice
from padl.data.table.arrow import compute
from padl.data.table.dates import Dates, parse, read_dates
from padl.data.table.kinds import Column, Types
from padl.data.table.numbers import (
    UNIT_SIGN,
    NumbersOfText,
    all_numbers,
    is_missing,
    merged,
    plain_text,
    read_numbers,
    where,
    without_unit,
)
from padl.data.table.spelling import DATE, FRAMED, MISSING, UNIT, around_numbers, is_unit, looks_like
from padl.types import PadlError

FEW = 20  # different texts that may be categories however few rows there are; above, so many as half the rows
FIRST_DAY, LAST_DAY = 19000101, 21001231  # of whole numbers that may be dates
COUNTERS = frozenset({"id", "index", "idx", "row", "rownames", "no", "nr", "unnamed: 0"})


class ColumnPlace(NamedTuple):
    """Which column is read, of which table, and what is said of it."""

    table: str
    name: str
    types: Types

    def refused(self, texts: Any, wrong: np.ndarray, why: str) -> PadlError:
        """Name the first row that is wrong."""
        row, text = first(texts, wrong)
        return PadlError(f"{self.table}: '{advice.shown(text)}' in column '{self.name}', row {row + 1}, {why}")


def of_text(array: Any, told: str | None, place: ColumnPlace) -> Column:
    """Read a column of text as what it is told to be, or found to be.

    Args:
        array: Arrow's, of text (n,).

    Raises:
        PadlError: its kind is in doubt, or it is not of the kind it is told.
    """
    if told in (None, "number") and (values := all_numbers(array, place.types.numbers)) is not None:
        return Column(place.name, "number", values, notes=() if told else _doubts(array, values, place))
    texts = plain_text(array)
    if told == "category":
        return _categories(texts, place)
    if told == "date":
        return _dates(texts, place)
    texts, unit = without_unit(texts, place.types.numbers) if told == "number" else (texts, "")
    found = read_numbers(texts, place.types.numbers)
    if found.missing.all() and told is None:
        raise is_empty(place.table, place.name)
    if not found.wrong.any():
        notes = () if told else _doubts(texts, found.values, place)
        return Column(place.name, "number", found.values, unit=unit, empty=_empty(texts, found.missing), notes=notes)
    if told == "number":
        text = first(texts, found.wrong)[1]
        what = "is no number, and others have not its unit" if UNIT_SIGN.search(text) else "is no number"
        raise place.refused(texts, found.wrong, f"{what}: {advice.spelling(place, text, looks_like(text))}")
    return _of_words(texts, found, place)


def is_empty(table: str, name: str) -> PadlError:
    """Say that a column holds no value."""
    return PadlError(f"{table}: column '{name}' holds no value: {advice.drop(name)} leaves it out")


def first(texts: Any, mask: np.ndarray) -> tuple[int, str]:
    """The first row where the mask is True, from 0, and its text."""
    row = int(mask.argmax())
    return row, texts[row].as_py()


def _of_words(texts: Any, found: NumbersOfText, place: ColumnPlace) -> Column:
    """Read a column in which something is no number."""
    different = _different(texts, ~found.missing)
    looks = {text: look for text in different if (look := looks_like(text))}
    if len(looks) == len(different) and set(looks.values()) == {DATE}:
        if place.types.dates == "refuse":
            way = advice.dates(place.name) if read_dates(different) else advice.unread_dates(place.name)
            raise place.refused(texts, found.wrong, f"is a date{way}")
        return _dates(texts, place)
    numbers = ~found.missing & ~found.wrong
    if numbers.any() and not looks and numbers.sum() <= found.wrong.sum():
        words = _different(texts, found.wrong)
        raise place.refused(texts, numbers, f"is a number among texts: {advice.mixed(place.name, words)}")
    if numbers.any() and not looks:
        _, text = first(texts, found.wrong)
        raise place.refused(
            texts, found.wrong, f"is no number, as most there are: {advice.mostly_numbers(place.name, text)}"
        )
    if looks:
        odd = np.array([text in looks for text in texts.to_pylist()])
        _, text = first(texts, odd)
        raise place.refused(texts, odd, f"looks like {looks[text]}: {advice.spelling(place, text, looks[text])}")
    if len(different) > 1 and any(frame := around_numbers(different)):
        look = UNIT if is_unit(*frame) else FRAMED
        _, text = first(texts, found.wrong)
        raise place.refused(texts, found.wrong, f"looks like {look}: {advice.spelling(place, text, look)}")
    if len(different) > max(FEW, len(texts) / 2):
        raise PadlError(f"{place.table}: {advice.is_name(place.name, len(different), len(texts))}")
    return _categories(texts, place)


def _different(texts: Any, there: np.ndarray) -> list[str]:
    pc = compute()

    return pc.unique(where(texts, there)).to_pylist()


def _empty(texts: Any, missing: np.ndarray) -> str:
    return first(texts, missing)[1] if missing.any() else ""


def _categories(texts: Any, place: ColumnPlace) -> Column:
    """Read texts as categories; a word for nothing is one of them unless it is said to be none."""
    missing = is_missing(texts, place.types.numbers.na, words=False)
    coded = where(texts, ~missing).dictionary_encode()
    different = coded.dictionary.to_pylist()
    order = sorted(range(len(different)), key=different.__getitem__)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    values = np.full(len(texts), -1, np.int64)
    values[~missing] = rank[coded.indices.to_numpy()]
    words = [text for text in different if text.lower() in MISSING]
    notes = tuple(advice.word_for_nothing(place.name, word) for word in words)
    categories = tuple(different[i] for i in order)
    return Column(place.name, "category", values, categories, empty=_empty(texts, missing), notes=notes)


def _dates(texts: Any, place: ColumnPlace) -> Column:
    """Read texts as dates of one form."""
    missing = is_missing(texts, place.types.numbers.na, words=True)
    coded = where(texts, ~missing).dictionary_encode()
    different, form = coded.dictionary.to_pylist(), place.types.forms.get(place.name)
    read = read_dates(different) if form is None else _of_form(different, form)
    if read is None:
        fits = [text for text in different if form and parse([text], form) is not None]
        wrong = ~missing & ~np.isin(texts.to_pylist(), fits)
        raise place.refused(texts, wrong if wrong.any() else ~missing, advice.no_date(place.name, form))
    values = np.full(len(texts), np.datetime64("NaT", "us"))
    values[~missing] = read.values[coded.indices.to_numpy()]
    return Column(place.name, "date", values, form=read.form, empty=_empty(texts, missing))


def _of_form(texts: list[str], form: str) -> Dates | None:
    values = parse(texts, form)
    return None if values is None else Dates(values, form)


def _doubts(texts: Any, values: np.ndarray, place: ColumnPlace) -> tuple[str, ...]:
    """Lines on numbers that may be none, as codes, dates and the numbers of rows; those that merge are refused."""
    pc = compute()

    name = place.name
    if (large := merged(texts, values)).any():
        raise place.refused(texts, large, advice.merged(name))
    if not np.array_equal(values, np.floor(values)):
        return ()
    if pc.any(pc.match_substring_regex(texts, "^0[0-9]")).as_py():
        return (advice.leading_zero(name),)
    if ((values >= FIRST_DAY) & (values <= LAST_DAY)).all() and read_dates(pc.unique(texts).to_pylist()):
        return (advice.whole_dates(name),)
    is_counter = name.lower() in COUNTERS or name.lower().endswith("_id")
    return (advice.counter(name),) if is_counter and len(values) > 1 and (np.diff(values) == 1).all() else ()
