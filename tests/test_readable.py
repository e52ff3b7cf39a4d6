"""Objects show themselves in a few lines: escaped, bounded, and without what has nothing to say."""

import html
from html.parser import HTMLParser

import numpy as np

from padl.readable import CELL_LETTERS, COLUMNS, LINE_LETTERS, ROWS, Card, Readable, as_html, as_text, number

HOSTILE = '<script>alert("1")</script>&\x1b[31m\nsecond line'


class Texts(HTMLParser):
    """Collects the tags of a page, and its texts."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.texts = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_a_card_as_text_stands_in_columns():
    card = Card("a run", {"steps": "3", "nothing": "", "folder": "x"}, ("name", "value"), [("a", "10"), ("bc", "2")])
    assert as_text(card).splitlines() == [
        "a run", "  steps   3", "  folder  x", "  name  value", "  a     10", "  bc    2",
    ]  # fmt: skip


def test_a_card_as_html_is_closed_tables_of_the_same_texts():
    card = Card("a run", {"steps": "3", "nothing": ""}, ("name", "value"), [("a", "10")], ["beware"])
    page = Texts(as_html(card))
    assert page.open == []
    assert page.texts == ["a run", "steps", "3", "name", "value", "a", "10", "beware"]


def test_whatever_a_text_holds_it_is_text_in_one_line():
    card = Card(HOSTILE, {HOSTILE: HOSTILE}, (HOSTILE,), [(HOSTILE,)], [HOSTILE])
    page = as_html(card)
    assert Texts(page).tags == {"div", "b", "table", "tr", "td", "thead", "th", "tbody", "p"}
    assert html.escape("<script>") in page
    for shown in (page, as_text(card)):
        assert "\x1b" not in shown
        assert r"\x1b" in shown
    assert len(as_text(card).splitlines()) == 5


def test_a_card_of_any_size_is_a_few_lines_and_says_what_is_missing():
    rows = [["x" * 1000] * 50] * 1000
    card = Card("t" * 1000, {"f": "x" * 1000}, ["c" * 1000] * 50, rows, ["n" * 1000] * 100, left_out=5)
    lines = as_text(card).splitlines()
    assert len(lines) == 2 + (1 + ROWS + 1) + ROWS + 1
    assert max(map(len, lines)) <= COLUMNS * (CELL_LETTERS + 2) + 2
    assert len(lines[0]) == LINE_LETTERS
    assert f"  … {1000 - ROWS + 5:,} more rows and {50 - COLUMNS} more columns" in lines
    assert len(as_html(card)) < 40_000


def test_numbers_are_short():
    assert [number(x) for x in (1438, 0.123456, float(np.float32(2)), None, True, "x")] == [
        "1,438", "0.1235", "2", "", "True", "x",
    ]  # fmt: skip


def test_an_object_shows_the_same_card_at_the_prompt_and_in_a_notebook():
    class Shown(Readable):
        def card(self):
            return Card("shown", {"a": "b"})

    assert repr(Shown()) == "shown\n  a  b"
    assert Texts(Shown()._repr_html_()).texts == ["shown", "a", "b"]
