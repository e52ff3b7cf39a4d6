"""Files of tables: delimiters, encodings, headers, quotes, Parquet and Arrow; what is read, said and refused."""

import bz2
import gzip
import lzma
import os
from itertools import count

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from padl.data.table.reading import TextOptions, read
from padl.types import PadlError

PLAIN = [["1", "a"], ["2", "b"], ["3", "c"]]


def write(tmp_path, content, name="table.csv"):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(file)


def texts(table):
    return [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("x,y\n1,a\n2,b\n3,c\n", ""),
        ("x,y\r\n1,a\r\n2,b\r\n3,c", ""),
        ("x,y\n1,a\n\n2,b\n  \n3,c\n\n", ""),
        ("x\ty\n1\ta\n2\tb\n3\tc\n", "its fields are separated by tabs"),
        ("x|y\n1|a\n2|b\n3|c\n", "its fields are separated by pipes"),
        ("x;y\n1;a\n2;b\n3;c\n", "its fields are separated by semicolons"),
        ("sep=;\nx;y\n1;a\n2;b\n3;c\n", "its first line names the sign between fields, and is passed over"),
        ("\n \nx,y\n1,a\n2,b\n3,c\n", "2 blank lines at the beginning are passed over"),
        ('x, "y"\n1, "a"\n2, "b"\n3, "c"\n', ""),
        ('"x","y"\n"1","a"\n"2","b"\n"3","c"\n', ""),
        ("x,y,\n1,a,\n2,b,\n3,c,\n", "its column 3 has no name and holds nothing: it is left out"),
        ("x,y\n1,a,\n2,b,\n3,c,\n", "its column 3 has no name and holds nothing: it is left out"),
        ("x,y,\n1,a\n2,b\n3,c\n", ""),
        (",x,y\n0,1,a\n1,2,b\n2,3,c\n", "its column 1 has no name and counts the rows: it is left out"),
        ("x,y\n1,a\n2,b\n3,c\n".encode("utf-8-sig"), ""),
        ("x,y\n1,a\n2,b\n3,c\n".encode("utf-16"), "its encoding is utf-16"),
        ("x,y\n1,a\n2,b\n3,c\n".encode("utf-32"), "its encoding is utf-32"),
        (gzip.compress(b"x,y\n1,a\n2,b\n3,c\n", mtime=0), ""),
    ],
    ids=count(),
)
def test_a_text_is_read_where_its_layout_is_beyond_doubt_and_that_is_said(tmp_path, content, note):
    table = read(write(tmp_path, content))
    assert (table.names, table.notes) == (("x", "y"), (note,) if note else ())
    assert [[field.strip() for field in row] for row in texts(table)] == PLAIN


@pytest.mark.parametrize(
    ("content", "reading", "message"),
    [
        ("x,y\n1,2\n3\n", {}, r"table\.csv, line 3: 1 fields where the header has 2"),
        ("\n\nx,y\n1,2\n\n3,4,5\n", {}, r"table\.csv, line 6: 3 fields where the header has 2"),
        ("x,y\n1,2\n3,4,\n", {}, "line 3: 3 fields where the header has 2: the line ends with ',', and not all do"),
        ('x,y\n"1\n2",3\n4\n', {}, "line 4: 1 fields"),
        ('x,y\n1,"2\n', {}, "line 2, cannot be read as CSV: unexpected end of data"),
        ('x,y\n1,"2"b\n', {}, "line 2, cannot be read as CSV"),
        ("0.5,1\n1,2\n", {}, "the first line holds numbers, as 0.5, and no names: task.header=false"),
        (
            "2021-03-01,y\n2021-03-02,2\n",
            {},
            "the first line holds '2021-03-01', a date or a time, and no name: task.he",
        ),
        ('"1,250",y\n"1,300",2\n', {}, "holds '1,250', a number with separators, and no name: task.header=false"),
        (
            "NA,b\nc,d\nNA,e\n",
            {},
            "the first line may be a row, since 'NA' stands in its column again: task.header=false",
        ),
        ("a,red\nb,blue\nc, red\n", {}, "may be a row, since 'red' stands in its column again"),
        ("x,x\n1,2\n", {}, "each once; 'x' is there twice; where it is no header, task.header=false"),
        ("x\n1\n", {}, "must name two or more columns"),
        ("x y\n1 2\n", {}, "task.delimiter=space reads fields separated by blanks"),
        ("a,b|c\n1,2|3\n", {}, "may be separated by comma or pipe: say which, as task.delimiter=comma"),
        ("x,y\n", {}, "no rows below the header"),
        ("", {}, "it is empty: the first line must name"),
        (" \n\n", {}, "it is empty"),
        ("grö,y\n1,2\n".encode("latin-1"), {}, r"line 1: byte 0xf6 is not UTF-8: task\.encoding=latin-1"),
        (b"x,y\n1,\xff\n", {}, "line 2: byte 0xff is not UTF-8"),
        ("x,y\n1,2\n".encode("utf-16-le"), {}, "it holds NUL, as UTF-16 without a mark"),
        ("x,y\n1,2\n", {"encoding": "utf8000"}, "unknown encoding: utf8000"),
        ("x,y\n1,2\n", {"encoding": "base64"}, "is not a text encoding"),
        ("grö,y\n1,2\n".encode("latin-1"), {"encoding": "ascii"}, "is not ASCII: give another task.encoding"),
        ("x,y\n1,2\n", {"delimiter": "::"}, "task.delimiter=::: one sign, or one of auto, comma"),
        (b"PK\x03\x04...", {}, "a spreadsheet or a ZIP archive"),
        (bz2.compress(b"x,y\n1,2\n"), {}, "it is packed by bzip2: unpack it"),
        (lzma.compress(b"x,y\n1,2\n"), {}, "it is packed by xz: unpack it"),
        ('{"x": 1, "y": 2}\n', {}, "it is JSON: save it as CSV"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", {}, "it is a pointer of Git LFS"),
        (gzip.compress(b"x,y\n1,2\n", mtime=0)[:-9], {}, "cannot be read as a table: Compressed file ended"),
        (b"PAR1 and no more", {}, "cannot be read as a table"),
        (b"ARROW1 and no more", {}, "cannot be read as a table"),
    ],
    ids=count(),
)
def test_a_text_in_doubt_is_refused_with_its_line_and_the_way_on(tmp_path, content, reading, message):
    with pytest.raises(PadlError, match=message) as refused:
        read(write(tmp_path, content), TextOptions(**reading))
    assert "\n" not in str(refused.value)


def test_what_is_refused_is_read_as_it_is_told(tmp_path):
    assert texts(read(write(tmp_path, "0,1\n2,3\n"), TextOptions(header=False))) == [["0", "1"], ["2", "3"]]
    assert read(write(tmp_path, "0,1\n2,3\n"), TextOptions(header=False)).names == ("column 1", "column 2")
    assert read(write(tmp_path, "2019,2020\n2,3\n"), TextOptions(header=True)).names == ("2019", "2020")
    assert read(write(tmp_path, "x,y\n1,y\n2,n\n"), TextOptions(header=True)).names == ("x", "y")
    assert read(write(tmp_path, "Na,May\n1,2\n")).names == ("Na", "May")
    assert read(write(tmp_path, "grö,y\n1,2\n".encode("latin-1")), TextOptions(encoding="latin-1")).names == (
        "grö",
        "y",
    )
    assert texts(read(write(tmp_path, " x  y\n 1    2\n"), TextOptions(delimiter="space"))) == [["1", "2"]]
    assert read(write(tmp_path, "a,b|c\n1,2|3\n"), TextOptions(delimiter="pipe")).names == ("a,b", "c")
    assert read(write(tmp_path, "a,b|c\n1,2|3\n"), TextOptions(delimiter="|")).names == ("a,b", "c")


def test_quotes_hold_delimiters_quotes_and_ends_of_lines(tmp_path):
    content = 'x,y\n"1,5","say ""so"""\n"two\nlines",5" pipe\n'
    assert texts(read(write(tmp_path, content))) == [["1,5", 'say "so"'], ["two\nlines", '5" pipe']]
    spaced = 'x, "y, z"\n1, "a, b"\n'
    assert read(write(tmp_path, spaced)).names == ("x", "y, z")
    assert texts(read(write(tmp_path, spaced))) == [["1", "a, b"]]


def test_the_fast_reader_and_the_slow_one_read_alike(tmp_path):
    rng = np.random.default_rng(0)
    fields = ["", "a", "1", "x y", "é", "3.5", '"q,"', '"a""b"', '"l\nm"']
    rows = "".join(",".join(rng.choice(fields, 4)) + "\n" for _ in range(200))
    fast = read(write(tmp_path, f"A,B,C,D\nz,1,2,3\n{rows}"))
    slow = read(write(tmp_path, f'A,B,C,D\nz, "1",2,3\n{rows}'))
    assert texts(fast) == texts(slow)
    assert len(texts(fast)) == 201


@pytest.mark.parametrize("name", ["parquet", "arrow", "compressed.arrow"])
def test_parquet_and_arrow_are_read_whatever_they_are_called(tmp_path, name):
    columns = pa.table({"x": [1, 2, None], "y": ["a", None, "c"], "when": pa.array([0, 1, 2], pa.date32())})
    file = str(tmp_path / "table.csv")
    if name == "parquet":
        parquet.write_table(columns, file)
    else:
        feather.write_feather(columns, file, compression="lz4" if "compressed" in name else "uncompressed")
    table = read(file)
    assert table.names == ("x", "y", "when")
    assert table.column("x").to_pylist() == [1, 2, None]
    assert table.form == {"format": name.rpartition(".")[2]}
    with pytest.raises(PadlError, match=r"task\.delimiter is for text"):
        read(file, TextOptions(delimiter="tab"))


def test_only_regular_files_of_a_bounded_size_are_read(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", str(tmp_path / "pipe")):
        with pytest.raises(PadlError, match="not a regular file"):
            read(path)
    with pytest.raises(PadlError, match="No such file"):
        read(str(tmp_path / "gone.csv"))
    monkeypatch.setattr("padl.data.table.reading.LARGEST_TABLE", 1000)
    with pytest.raises(PadlError, match="larger than 1,000 bytes when it is unpacked"):
        read(write(tmp_path, gzip.compress(b"x,y\n" + b"1,2\n" * 1000)))


def test_a_message_shows_what_is_not_printable_of_a_header(tmp_path):
    with pytest.raises(PadlError) as refused:
        read(write(tmp_path, "a,\x1b[2Jb,\x1b[2Jb\n1,2,3\n"))
    assert r"\x1b[2Jb" in str(refused.value)
    assert read(write(tmp_path, "a,\x1b[2Jb\n1,2\n")).names == ("a", r"\x1b[2Jb")
