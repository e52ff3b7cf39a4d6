"""What is suggested for a word that nobody knows, and what a mistake shows."""

import pytest

import padl
from padl.errors import edits, near, nearest_word, one_line

EDITS = {
    ("adam", "adam"): 0,
    ("adma", "adam"): 1,  # two neighbours swapped
    ("adm", "adam"): 1,
    ("adams", "adam"): 1,
    ("edam", "adam"): 1,
    ("", "adam"): 4,
    ("ca", "abc"): 3,  # no letter is swapped and then parted
    ("kitten", "sitting"): 3,
    ("sdg", "sgd"): 1,
}
MEANT = {
    "adma": "adam",
    "adamm": "adam",
    "adm": "adam",
    "sdg": "sgd",
    "momentun": "momentum",
    "nestrov": "nesterov",
    "admaw": "adamw",
    "loin": "lion",
    "lmab": "lamb",
    "lasr": "lars",
    "rmsporp": "rmsprop",
    "adafctor": "adafactor",
    "hyperbal": "hyperball",
}


@pytest.mark.parametrize(("word", "other"), EDITS)
def test_edits_are_counted_the_same_both_ways(word, other):
    assert edits(word, other) == edits(other, word) == EDITS[word, other]


@pytest.mark.parametrize("typed", MEANT)
def test_the_optimizer_that_is_fewest_edits_away_is_suggested(typed):
    assert near(typed, padl.names("optimizer")) == f"; did you mean '{MEANT[typed]}'?"


def test_of_two_words_as_near_the_shorter_is_suggested():
    assert nearest_word("adamx", ["adamax", "adamw", "adam"]) == "adam"


@pytest.mark.parametrize("typed", ["zzz", "", "x", "q7"])
def test_nothing_is_suggested_where_nothing_is_alike(typed):
    assert near(typed, ["adam", "gd", "sgd", "lion"]) == ""


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("no such\nthing", "ValueError: no such"),
        (
            "they differ:\n\n  * one is 1\n  * the other 2\n\nRevise it.",
            "ValueError: they differ: * one is 1 * the other 2",
        ),
        ("they differ:", "ValueError: they differ:"),
        ("", "ValueError: "),
    ],
)
def test_a_line_that_ends_in_a_colon_is_told_with_what_it_introduces(message, line):
    assert one_line(ValueError(message)) == line
