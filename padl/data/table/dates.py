"""Read text as dates, where its form leaves no doubt. read_dates, parse, in_days, from_days,
in_parts."""

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

_CLOCK = r"(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:\.(?P<f>[0-9]{1,9}))?)?"
_TIME = rf"(?:[T ]{_CLOCK}(?P<z>Z| ?UTC|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)?)?"
_YEAR, _MONTH, _DAY = r"(?P<y>[0-9]{4})", r"(?P<m>[0-9]{1,2})", r"(?P<d>[0-9]{1,2})"
FORMS = {
    "year-month-day": re.compile(f"{_YEAR}-{_MONTH}-{_DAY}{_TIME}"),
    "year-month": re.compile(f"{_YEAR}-(?P<m>[0-9]{{2}})"),
    "yearmonthday": re.compile(f"{_YEAR}(?P<m>[0-9]{{2}})(?P<d>[0-9]{{2}})"),
    "year/month/day": re.compile(f"{_YEAR}/{_MONTH}/{_DAY}{_TIME}"),
    "day.month.year": re.compile(rf"{_DAY}\.{_MONTH}\.{_YEAR}{_TIME}"),
    "day/month/year": re.compile(f"{_DAY}/{_MONTH}/{_YEAR}{_TIME}"),
    "month/day/year": re.compile(f"{_MONTH}/{_DAY}/{_YEAR}{_TIME}"),
}
LARGEST_SECONDS = 10_000 * 366 * 86400  # of dates that are told
PARTS = ("year", "month", "day", "weekday", "hour")


class Dates(NamedTuple):
    """Texts as dates.

    Attributes:
        values: datetime64[us], in UTC where the texts say how far from it they are. form: which of FORMS.
    """

    values: np.ndarray
    form: str


def read_dates(texts: list[str]) -> Dates | None:
    """Read different texts as dates; None where one is none, or where more than one form would do.

    In day/month/year and month/day/year, a day above 12 tells which it is.
    """
    fits = {form: values for form in FORMS if (values := parse(texts, form)) is not None}
    if texts and len(fits) != 1:
        return None
    form, values = next(iter(fits.items()))
    return Dates(values, form)


def parse(texts: list[str], form: str) -> np.ndarray | None:
    """Read texts as dates of this form, datetime64[us]; None where one is none, or only some tell their offset."""
    values, zones = [], set()
    for text in texts:
        match = FORMS[form].fullmatch(text)
        if match is None:
            return None
        try:
            moment = _moment(match.groupdict())
        except ValueError:  # 2021-02-30
            return None
        zones.add(moment.tzinfo is None)
        values.append(moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None))
    return np.array(values, "datetime64[us]") if len(zones) <= 1 else None


def _moment(found: dict[str, Any]) -> datetime:
    part = {name: text or "0" for name, text in found.items()} | {"z": found.get("z") or ""}
    date = f"{part['y']}-{part['m']:0>2}-{part.get('d', '1'):0>2}"
    fraction = part.get("f", "0").ljust(6, "0")[:6]
    clock = f"{part.get('H', '0'):0>2}:{part.get('M', '0'):0>2}:{part.get('S', '0'):0>2}"
    zone = part["z"].strip().replace("UTC", "Z")
    return datetime.fromisoformat(f"{date}T{clock}.{fraction}{zone}")


def in_days(values: np.ndarray, origin: np.datetime64) -> np.ndarray:
    """Days since a moment, float64 (n,), NaN for NaT."""
    return (values - origin) / np.timedelta64(1, "D")


def from_days(days: np.ndarray, origin: np.datetime64, clock: bool) -> np.ndarray:
    """Return the dates (n,) that are so many days after a moment: to the second, or without a clock to the day."""
    seconds = np.rint(np.asarray(days, np.float64) * 86400)
    there = np.abs(seconds) < LARGEST_SECONDS  # False for NaN
    dates = origin.astype("datetime64[s]") + np.where(there, seconds, 0).astype("timedelta64[s]")
    if not clock:
        dates = (dates + np.timedelta64(12, "h")).astype("datetime64[D]")
    return np.where(there, dates, np.array("NaT", dates.dtype))


def in_parts(values: np.ndarray) -> dict[str, np.ndarray]:
    """Year, month 1 .. 12, day 1 .. 31, weekday 0 (Monday) .. 6 and hour in [0, 24): float64 (n,), NaN for NaT."""
    years, months, days = (values.astype(f"datetime64[{unit}]") for unit in "YMD")
    parts = {
        "year": years.astype(np.int64) + 1970,
        "month": (months - years).astype(np.int64) + 1,
        "day": (days - months).astype(np.int64) + 1,
        "weekday": (days.astype(np.int64) + 3) % 7,
        "hour": (values - days) / np.timedelta64(1, "h"),
    }
    return {name: np.where(np.isnat(values), np.nan, part) for name, part in parts.items()}
