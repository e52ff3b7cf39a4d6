"""Kinds of columns: numbers, categories, dates, and all that may be either, which is refused with the way on."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from padl.data.table.advice import without_options
from padl.data.table.columns import array_of, typed, typed_column
from padl.data.table.kinds import Types
from padl.data.table.source_table import Table
from padl.data.table.spelling import NumberFormat
from padl.types import PadlError


def table(values, name="x", kind=None):
    return Table((name, "other"), (pa.array(values, kind), pa.array(["1"] * len(values))), "t.csv")


def column(values, kind=None, **types):
    return typed(table(values, kind=kind), Types(**types))["x"]


@pytest.mark.parametrize("text", ["1", "-1.5", "+3", ".5", "5.", "1e5", "2E-3", "0123", " 7 "])
def test_a_plain_number_is_read_as_python_reads_it(text):
    np.testing.assert_array_equal(column([text, "1.25"]).values, [float(text), 1.25])


@pytest.mark.parametrize("share", [0.05, 0.9])
@pytest.mark.parametrize("word", ["NA", "N/A", "", "?", "null", "-", "nan", "-NaN", "None", "#N/A", "NaT", "-1.#IND"])
def test_a_word_for_nothing_is_no_category_of_a_column_of_numbers_however_many_there_are(word, share):
    many = int(60 * share)
    found = column([word] * many + [str(i) for i in range(60 - many)])
    assert (found.kind, int(found.missing.sum()), found.empty) == ("number", many, word)


REFUSED = [
    (["1,250", "3"], "'1,250' in column 'x', row 1, looks like a number with sep", "task.thousands=, reads 1250"),
    (["1,250", "3"], "", "task.decimal=, reads 1.250"),
    (["3", "12,5"], "'12,5' in column 'x', row 2", "task.decimal=, reads 12.5"),
    (["1.250,75", "3"], "'1.250,75' in column 'x', row 1", "task.decimal=, task.thousands=."),
    (["1,250.75", "3"], "'1,250.75' in column 'x', row 1", "task.thousands=, reads its groups"),
    (["1 250", "3"], "'1 250'", "task.thousands=space reads 1250"),
    (["1'250", "3"], "'1'250'", "task.thousands=apostrophe reads 1250"),
    (["$5", "$6"], "looks like an amount with its unit", "task.types.x=number reads the number"),
    (["5 %", "6%"], "looks like an amount with its unit", "task.types.x=number"),
    (["3 EUR", "4 EUR"], "looks like an amount with its unit", "task.types.x=number"),
    (["US$5", "₽6", "kr 7"], "looks like an amount with its unit", "task.types.x=number"),
    (
        ["5 kg", "NA", "-1.5 kg"],
        "'5 kg' in column 'x', row 1, looks like an amount with its unit",
        "task.types.x=number",
    ),
    (["5‰", "6‰"], "looks like an amount with its unit", "task.types.x=number"),
    (["(1.50)", "(2)"], "'(1.50)' in column 'x', row 1, looks like a number among signs", "task.types.x=category"),
    (['="5"', '="6"'], "looks like a number among signs that are not read", "task.drop=[x]"),
    (["5", "\u22126"], "'\u22126' in column 'x', row 2, looks like a number among signs", "task.types.x=category"),
    (["\u0665", "\uff16"], "looks like a number among signs that are not read", "task.types.x=category"),
    (["\u200b5", "6"], r"'\u200b5' in column 'x', row 1, looks like a number among signs", "task.types.x=category"),
    (["52.0,13.0", "52.5,13.5"], "looks like a number with separators: repair it", "task.types.x=category"),
    (["1_2", "3_4"], "'1_2' in column 'x', row 1, looks like a code", "task.types.x=category"),
    (["1", "1_2"], "'1_2' in column 'x', row 2, looks like a code", "task.types.x=category"),
    (["2021-03-01", "2021-03-02"], "'2021-03-01' in column 'x', row 1, is a date", "task.dates=days"),
    (
        ["12:30", "12:40"],
        "'12:30' in column 'x', row 1, is a date or a time, in a form that is not read",
        "write year-m",
    ),
    (["2021-03", "2021-04"], "'2021-03' in column 'x', row 1, is a date: ", "task.dates=days"),
    (["Mar 1 2021", "Apr 2 2021"], "is a date or a time, in a form that is not read", "task.types.x=category"),
    (["red", "2021-03-02"], "'2021-03-02' in column 'x', row 2, looks like a date", "task.drop=[x]"),
    (["1", "2", "oops"], "'oops' in column 'x', row 3, is no number, as most there are", "task.na=['oops']"),
    (["a", "b", "1"], "'1' in column 'x', row 3, is a number among texts", "task.types.x=category"),
    (["1", "inf"], "'inf' in column 'x', row 2, looks like an infinity", "task.na=[inf]"),
    (["1", "1e400"], "'1e400' in column 'x', row 2", "task.na=[1e400]"),
    (["0a", "02e668"], "'02e668' in column 'x', row 2", "task.types.x=category"),
    (
        ["nil", "nil", "5"],
        "'5' in column 'x', row 3, is a number among texts",
        "task.na=['nil'] takes that for missing",
    ),
    (
        ["1", "9007199254740993", "9007199254740992"],
        "row 2, and others there are whole numbers too large",
        "x=category",
    ),
    (["NA", "", "?"], "column 'x' holds no value", "task.drop=[x] leaves it out"),
    ([f"id-{i}" for i in range(30)], "holds 30 different texts in 30 rows: a name or an id", "task.drop=[x]"),
]


@pytest.mark.parametrize(("values", "message", "way"), REFUSED)
def test_what_may_be_either_is_refused_with_its_row_and_the_option_that_settles_it(values, message, way):
    with pytest.raises(PadlError) as refused:
        column(values)
    assert message in str(refused.value)
    assert way in str(refused.value)
    assert str(refused.value).startswith("t.csv: ")


@pytest.mark.parametrize(
    "texts", [["k5", "k6"], ["1st", "2nd"], ["0-9", "65+"], ["May", "June"], ["class 1", "class 2"]]
)
def test_names_with_numbers_in_them_are_categories(texts):
    assert column(texts * 2).categories == tuple(sorted(texts))


def test_whole_numbers_that_float64_merges_are_refused_unless_it_is_said_what_they_are():
    large, message = (
        [2**53, 2**53 + 1, -5],
        r"9007199254740992 in column 'x', row 1, and others there are whole numbers",
    )
    with pytest.raises(PadlError, match=message):
        column(large)
    for values in (large, [str(value) for value in large]):
        assert column(values, kinds={"x": "category"}).categories == ("-5", "9007199254740992", "9007199254740993")
        assert column(values, kinds={"x": "number"}).values.tolist() == [2.0**53, 2.0**53, -5]
    assert column([str(10**power) for power in range(20, 30)]).kind == "number"
    assert column(["1" + 20 * "0", "1e20"]).kind == "number"


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("petal length (cm)", """'task.types="{petal length (cm): category}"'"""),
        ("größe", """'task.drop=["größe"]'"""),
        ("a=b:c", r"""'task.types="{\"a=b:c\": category}"'"""),
    ],
)
def test_an_option_for_a_column_of_any_name_is_written_as_a_shell_takes_it(name, way):
    with pytest.raises(PadlError) as refused:
        typed(table(["1_2", "3_4"], name), Types())
    assert way in str(refused.value)


@pytest.mark.parametrize(
    ("written", "form", "read"),
    [
        (["1,250", "-3", "1,250,000.5"], (".", ","), [1250, -3, 1250000.5]),
        (["12,5", "3"], (",", ""), [12.5, 3]),
        (["2.07", "3"], (",", ""), [2.07, 3]),
        (["1.250,75", "1.250", "3,5"], (",", "."), [1250.75, 1250, 3.5]),
        (["1 250", "3"], (".", " "), [1250, 3]),
        (["12,34,567", "1"], (".", ","), [1234567, 1]),
        (["1,5e3", "NA"], (",", ""), [1500, np.nan]),
    ],
)
def test_numbers_are_read_as_they_are_told_to_be_written(written, form, read):
    np.testing.assert_array_equal(column(written, numbers=NumberFormat(*form)).values, read)


@pytest.mark.parametrize(
    ("written", "form"),
    [
        (["1,25", "3"], (".", ",")),
        (["1.250", "3"], (",", "")),
        (["2.07", "3"], (",", ".")),
        (["12,5", "2.07"], (",", "")),
    ],
)
def test_a_number_that_is_not_written_as_told_is_refused(written, form):
    with pytest.raises(PadlError, match="in column 'x', row"):
        column(written, numbers=NumberFormat(*form))


def test_a_sign_of_a_currency_is_taken_off_where_a_column_is_told_to_be_numbers_and_all_have_the_same():
    found = column(["$1,250", "$5", "NA"], kinds={"x": "number"}, numbers=NumberFormat(".", ","))
    np.testing.assert_array_equal(found.values, [1250, 5, np.nan])
    assert found.unit == "$"
    assert column(["5%", "10 %"], kinds={"x": "number"}).values.tolist() == [5, 10]
    heavy = column(["1,250 kg", "-5 kg"], kinds={"x": "number"}, numbers=NumberFormat(".", ","))
    assert (heavy.values.tolist(), heavy.unit) == ([1250, -5], "kg")
    for mixed in (["$5", "€6"], ["$5", "6"], ["5 kg", "6 g"], ["(5)", "(6)"], ["1_2", "3"]):
        with pytest.raises(PadlError, match="is no number"):
            column(mixed, kinds={"x": "number"})


def test_categories_are_texts_and_a_word_for_nothing_is_one_of_them_unless_it_is_said_to_be_none():
    found = column(["b", "a", "NA", "b"])
    assert (found.kind, found.categories, found.values.tolist()) == ("category", ("NA", "a", "b"), [2, 1, 0, 2])
    assert found.notes == ("'NA' is one of the categories of column 'x': task.na=['NA'] takes it for missing",)
    assert column(["b", "a", "NA"], numbers=NumberFormat(na=("NA",))).values.tolist() == [1, 0, -1]
    assert column(["b", "", "a"]).values.tolist() == [1, -1, 0]
    assert column(["1_2", "3_4"], kinds={"x": "category"}).categories == ("1_2", "3_4")
    assert column([3, 1, 3], kinds={"x": "category"}).categories == ("1", "3")


def test_a_number_that_is_said_to_mean_nothing_is_missing():
    assert column(["1", "-999"], numbers=NumberFormat(na=("-999",))).missing.tolist() == [False, True]


def test_numbers_that_begin_with_zero_or_count_the_rows_are_read_and_said():
    (note,) = column(["01234", "99999"]).notes
    assert "begin with 0" in note
    (note,) = typed(table(["1", "2", "3"], "ID"), Types())["ID"].notes
    assert "counts the rows" in note
    assert column(["1", "2", "3"]).notes == ()
    (note,) = column(["20210301", "20211231"]).notes
    assert "task.types.x=date reads 20210301 as 2021-03-01" in note
    assert column(["20210301", "20211231"], kinds={"x": "date"}).values[0] == np.datetime64("2021-03-01", "us")
    assert column(["20210301", "20211332"]).notes == ()


MOMENT = np.datetime64("2021-03-04T00:00:00", "us")


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["2021-03-04", "2021-12-31"], MOMENT),
        (["2021/03/04", "2021/12/31"], MOMENT),
        (["4.3.2021", "31.12.2021"], MOMENT),
        (["04/03/2021", "31/12/2021"], MOMENT),
        (["03/04/2021", "12/31/2021"], MOMENT),
        (["2021-03-04 12:30", "2021-03-05 01:00:30"], MOMENT + np.timedelta64(750, "m")),
        (["2021-03-04T12:30:00Z", "2021-03-05T01:00:00+02:00"], MOMENT + np.timedelta64(750, "m")),
        (["2021-03-04 12:30:00 UTC", "2021-03-05 01:00:00+02"], MOMENT + np.timedelta64(750, "m")),
        (["2021-03", "2021-12"], MOMENT - np.timedelta64(3, "D")),
    ],
)
def test_dates_are_read_in_the_one_form_that_all_of_them_have(texts, first):
    found = column([*texts, "NA"], dates="days")
    assert (found.kind, found.values[0]) == ("date", first)
    assert np.isnat(found.values[-1])


@pytest.mark.parametrize(
    "texts",
    [["03/04/2021", "04/05/2021"], ["2021-02-30"], ["2021-03-04", "4.3.2021"], ["2021-03-04T12:30Z", "2021-03-04"]],
)
def test_dates_whose_form_is_in_doubt_are_refused_even_where_dates_are_wanted(texts):
    with pytest.raises(PadlError, match="write year-month-day"):
        column(texts, dates="days")


def test_a_number_that_means_nothing_is_found_however_it_is_written():
    form = NumberFormat(na=("-999",))
    for values in (["1", "-999.0"], [1, -999], [1.0, -999.0]):
        assert column(values, numbers=form).missing.tolist() == [False, True]


def test_a_column_without_a_name_is_refused_until_it_is_said_what_it_is():
    found = table(["3", "1"], "column 1")._replace(unnamed=frozenset({"column 1"}))
    with pytest.raises(PadlError, match=r"""its column 1 has no name .*'task\.drop=\["column 1"\]' leaves it out"""):
        typed(found, Types())
    assert list(typed(found, Types({"column 1": "drop"}))) == ["other"]
    assert typed(found, Types({"column 1": "number"}))["column 1"].values.tolist() == [3, 1]


def test_arrow_says_what_a_column_is():
    assert column([1, None, 3]).missing.tolist() == [False, True, False]
    assert column([True, False]).categories == ("false", "true")
    assert column(["a", "b", "a"], pa.dictionary(pa.int8(), pa.string())).kind == "category"
    assert column(["2", "1"], pa.large_string()).values.tolist() == [2, 1]
    assert column(["2", "1"], pa.string_view()).values.tolist() == [2, 1]
    uuids = pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), pa.array([bytes(16)], pa.uuid()))
    with pytest.raises(PadlError, match=r"column 'x' holds dictionary<.*>: task\.drop=\[x\] leaves it out"):
        typed_column(Table(("x",), (uuids,), "t"), "x", Types())
    day = datetime.date(2021, 3, 4)
    assert column([day, None], dates="days").values[0] == MOMENT
    with pytest.raises(PadlError, match=r"holds dates, as 2021-03-04: task\.dates=days"):
        column([day])
    with pytest.raises(PadlError, match=r"holds list<.*>: task\.drop=\[x\] leaves it out"):
        column([[1], [2]])
    with pytest.raises(PadlError, match=r"inf in column 'x', row 2"):
        column([1.0, np.inf])


def test_a_message_to_who_predicts_says_what_is_wrong_and_no_option():
    for message, said in (
        ("t.csv: 'x' in column 'a', row 1, is no number: repair it, or task.na=['x']; task.drop=[a]", "is no number"),
        ("t.csv: 'x' in column 'a b', row 1, is text: 'task.types=\"{a b: category}\"' takes it", "is text"),
        ("t.csv: names, each once; 'a' is there twice; where it is no header, task.header=false", "is there twice"),
        ("t.csv: '7' in column 'task.x', row 1, is no number: repair it, or task.na=['7']", "is no number"),
        ("'t.csv' cannot be read as a table: it is gone", "it is gone"),
    ):
        assert without_options(message) == message[: message.index(said) + len(said)]


def test_a_column_that_is_no_feature_is_given_as_an_array():
    ids = [f"person {i}" for i in range(50)]
    assert array_of(table(ids), "x").tolist() == ids
    assert array_of(table(["3", "1"]), "x").tolist() == [3.0, 1.0]
    assert array_of(table(["2021-03-05", "2021-03-04"]), "x")[1] == MOMENT
    with pytest.raises(PadlError, match="empty field in column 'x', row 2 of 2"):
        array_of(table(["a", ""]), "x")
    with pytest.raises(PadlError, match="has no column 'y'"):
        array_of(table(["a"]), "y")
