"""Read text as numbers, by one rule and a column at a time.

all_numbers, read_numbers, is_missing, without_unit, merged.
"""

import re
from typing import Any, NamedTuple

import numpy as np

from padl.data.table.arrow import arrow, compute
from padl.data.table.spelling import (
    CURRENCY,
    MISSING,
    PLAIN,
    NumberFormat,
    around_numbers,
    is_grouped,
    is_plain,
    is_unit,
    pattern,
)

UNIT_SIGN = re.compile(rf"{CURRENCY}|%")
WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*").fullmatch
EXACT = 2.0**53  # from here on, float64 has no place for every whole number


class NumbersOfText(NamedTuple):
    """A column of text, as numbers.

    Attributes:
        values: float64 (n,), NaN where there is none. missing, wrong: bool (n,), where there is no value; where the
            text is no number.
    """

    values: np.ndarray
    missing: np.ndarray
    wrong: np.ndarray


def plain_text(column: Any) -> Any:
    """Text without blanks around it, "" for null, in one Arrow array."""
    pa = arrow()
    pc = compute()

    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pc.utf8_trim_whitespace(column.cast(pa.string()).fill_null(""))


def all_numbers(array: Any, form: NumberFormat) -> np.ndarray | None:
    """Read a column in which every text is a plain number, float64 (n,); None for any other. It takes a tenth of the
    time of `read_numbers`."""
    return _cast(array) if form.decimal == "." and not form.na else None


def read_numbers(texts: Any, form: NumberFormat) -> NumbersOfText:
    """Read numbers; 1_2, which Python takes for 12, is none, and neither is an infinity.

    Args:
        texts: Arrow array (n,), as of `plain_text`.
    """
    missing = is_missing(texts, form.na, words=True)
    numbers, bad = np.full(len(texts), np.nan), np.zeros(len(texts), bool)
    numbers[~missing], bad[~missing] = _numbers(where(texts, ~missing), form)
    missing |= is_no_value(numbers, form.na)
    numbers[missing] = np.nan
    return NumbersOfText(numbers, missing, bad)


def is_no_value(values: np.ndarray, na: tuple[str, ...]) -> np.ndarray:
    """Tell where a number is one that means that there is none, however it is written: -999 and -999.0."""
    return np.isin(values, [float(word) for word in na if is_plain(word)])


def is_missing(texts: Any, na: tuple[str, ...], words: bool) -> np.ndarray:
    """Tell where there is no value: an empty text or one of `na`; with `words`, also the usual ones of MISSING."""
    pa = arrow()
    pc = compute()

    missing = np.array(pc.is_in(texts, pa.array(["", *na], pa.string())))
    if words:
        short = np.array(pc.less_equal(pc.binary_length(texts), max(map(len, MISSING))))
        missing[short] |= np.array(pc.is_in(pc.utf8_lower(where(texts, short)), pa.array(sorted(MISSING), pa.string())))
    return missing


def without_unit(texts: Any, form: NumberFormat) -> tuple[Any, str]:
    """Take the currency, per cent sign or unit off that all texts with a value have; (texts, "") where they have none.

    Returns:
        The texts, and the sign.
    """
    pc = compute()

    there = pc.unique(where(texts, ~is_missing(texts, form.na, words=True))).to_pylist()
    signs = {match[0] if (match := UNIT_SIGN.search(text)) else "" for text in there}
    sign = signs.pop() if len(signs) == 1 else ""
    if not sign and is_unit(*(frame := around_numbers(there))):
        sign = frame[1]
    if not sign:
        return texts, ""
    return pc.utf8_trim_whitespace(pc.replace_substring(texts, sign, "", max_replacements=1)), sign


def merged(array: Any, values: np.ndarray) -> np.ndarray:
    """Tell where whole numbers are so large that different ones have one value: bool (n,), False if all keep theirs.

    Args:
        array: Arrow's, of whole numbers or of texts (n,). values: float64 (n,), what was read of it.
    """
    pc = compute()

    large = np.abs(values) >= EXACT
    if large.any():
        different = map(str, pc.unique(where(array, large)).to_pylist())
        whole = {int(text) for text in different if WHOLE(text)}
        large &= len(set(map(float, whole))) < len(whole)
    return large


def where(array: Any, mask: np.ndarray) -> Any:
    """The elements of an Arrow array where the mask is True."""
    pa = arrow()

    return array.filter(pa.array(mask))


def _cast(texts: Any) -> np.ndarray | None:
    """All texts as finite numbers; None where one is none."""
    pa = arrow()

    try:
        values = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return values if np.isfinite(values).all() else None


def _numbers(texts: Any, form: NumberFormat) -> tuple[np.ndarray, np.ndarray]:
    """Values, NaN where there is none, and where the text is no number."""
    if form.decimal == "." and (values := _cast(texts)) is not None:
        return values, np.zeros(len(texts), bool)
    pa = arrow()
    pc = compute()

    decimal, right = _pattern(texts, form)
    wrong = ~np.array(pc.match_substring_regex(texts, f"^(?:{right})$"), bool)
    good = where(texts, ~wrong)
    if form.thousands and form.thousands != decimal:
        good = pc.replace_substring(good, form.thousands, "")
    if decimal != ".":
        good = pc.replace_substring(good, decimal, ".")
    values = np.full(len(texts), np.nan)
    values[~wrong] = good.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values, wrong | np.isinf(values)


def _pattern(texts: Any, form: NumberFormat) -> tuple[str, str]:
    """The decimal sign of a column, and the pattern of its numbers.

    With a decimal comma, a column that has none and no groups either may have points, unless 1.250 in it is all that
    has one: that may be 1250.
    """
    pc = compute()

    if form.decimal == "." or form.thousands == "." or pc.any(pc.match_substring(texts, ",")).as_py():
        return form.decimal, pattern(form, form.decimal)
    dotted = pc.unique(where(texts, np.array(pc.match_substring(texts, "."), bool))).to_pylist()
    in_groups = bool(dotted) and all(map(is_grouped, dotted))
    return (",", pattern(form, ",")) if in_groups else (".", PLAIN)
