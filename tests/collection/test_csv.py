"""CSV as it goes out and as it comes in: neutral to spreadsheets, and nothing about a file believed unseen."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection import csv_out
from collection.imports import columns, files
from collection.imports.files import BadFile, Sheet, check_header


def sheet(data: bytes, **limits):
    """Header and rows of a file."""
    found = Sheet(io.BytesIO(data), **limits)
    return found.header, list(found)


# Out


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1 604 555 0100", "'+1 604 555 0100"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1+1", "'＝1+1"),
        ("'=1", "''=1"),
        ("-12.5", "-12.5"),
        (Decimal("-12.50"), "-12.50"),
        (Decimal("1E+3"), "1000"),
        (-3, "-3"),
        (True, "true"),
        (None, ""),
        (date(2026, 1, 2), "2026-01-02"),
        ("O'Hare = yard", "O'Hare = yard"),
    ],
)
def test_no_cell_is_a_formula(value, cell):
    assert csv_out.safe_cell(value) == cell


@given(st.text())
def test_neutralized_text_is_harmless_and_can_be_restored(text):
    cell = csv_out.safe_cell(text)
    assert csv_out.restore(cell) == text
    is_number = cell.lstrip("+-").replace(".", "", 1).isdigit()
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) or is_number


def test_an_answer_is_streamed():
    rows = (["=evil", number] for number in range(3))
    answer = csv_out.stream("my list;.csv", ["name", "n"], rows)
    assert answer.streaming
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my_list_.csv"'
    assert b"".join(answer) == b"name,n\r\n'=evil,0\r\n'=evil,1\r\n'=evil,2\r\n"


# In: the file as a whole

PLAIN = 'Name,Note\r\nA,"two\r\nlines"\r\n\r\nB,é\r\n'.encode()
ROWS = (["name", "note"], [(2, ["A", "two\r\nlines"]), (5, ["B", "é"])])


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.replace(b"\r\nB", b"\nB").removesuffix(b"\r\n"),
        gzip.compress(PLAIN),
        gzip.compress(PLAIN[:20]) + gzip.compress(PLAIN[20:]),
        lzma.compress(PLAIN),
        lzma.compress(PLAIN[:20]) + lzma.compress(PLAIN[20:]) + b"\0" * 8,
    ],
    ids=["crlf", "bom", "mixed", "gzip", "gzip members", "xz", "xz streams"],
)
def test_what_is_read(data):
    assert sheet(data) == ROWS


PACKED = gzip.compress(b"name\n" + b"".join(b"%d\n" % number for number in range(20_000)))


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b"", 0, "empty"),
        (b"\n\n", 0, "empty"),
        ("name\nMontréal\n".encode("latin-1"), 2, "UTF-8"),
        ("name\nx\n".encode("utf-16"), 1, "UTF-16"),
        (b"name;note\n1;2\n", 1, "commas"),
        (b"name\tnote\n1\t2\n", 1, "commas"),
        (b'name,note\n"a,b\n', 2, "CSV"),
        (b'name,note\n"a"x,b\n', 2, "CSV"),
        (b"name,note\ra,b\r", 1, "CSV"),
        (PACKED[:-2000], None, "cut off"),
        (lzma.compress(b"name\n" * 5000)[:-40], None, "cut off"),
        (PACKED[:5000] + b"garbage" + PACKED[5000:], None, "damaged"),
        (b"PK\x03\x04rest", 0, "zip"),
        (b"BZh91AY", 0, "bzip2"),
        (b"name\n" + b"x" * (files.MAX_FIELD + 1), 2, "field larger"),
        (b"name\n" + b"x" * (files.MAX_LINE + 1), 2, "longer"),
    ],
)
def test_what_cannot_be_read_says_why_and_where(data, line, says):
    with pytest.raises(BadFile) as raised:
        sheet(data)
    assert says in str(raised.value)
    assert line is None or raised.value.line == line


def test_limits_on_bytes_lines_and_time(settings):
    bomb = gzip.compress(b"name\n" + b"0,\n" * 500_000)
    settings.IMPORT_MOST_BYTES = 100_000
    with pytest.raises(BadFile, match="unpacks"):
        sheet(bomb)
    settings.IMPORT_MOST_LINES = 4
    assert len(sheet(b"name\n1\n2\n3\n")[1]) == 3
    with pytest.raises(BadFile, match="More than 4 lines"):
        sheet(b"name\n1\n2\n3\n4\n")
    settings.IMPORT_MOST_BYTES, settings.IMPORT_MOST_LINES, settings.IMPORT_MOST_SECONDS = 10**9, 10**9, 0
    with pytest.raises(BadFile, match="more than 0 seconds"):
        sheet(b"name\n" + b"1\n" * 10_000)


def test_nothing_but_empty_lines_is_given_up_early():
    """92 KB of xz unpacked to 600 million of them, and kept a worker for twenty minutes."""
    with pytest.raises(BadFile, match="empty lines") as raised:
        sheet(lzma.compress(b"name\n" + b"\n" * 5_000_000))
    assert raised.value.line == files.MAX_EMPTY_LINES + 2


def test_a_header_is_looked_through_once():
    """Its columns were compared each with each: a million of them would never have ended."""
    compared = 0

    class Name(str):
        __slots__ = ()

        def __hash__(self):
            return hash(str(self))

        def __eq__(self, other):
            nonlocal compared
            compared += 1
            return str(self) == str(other)

    header = [Name(f"c{number}") for number in range(2000)]
    with pytest.raises(BadFile, match="Unknown columns"):
        files.check_header(header, ["name"], ["note"])
    assert compared < 10 * len(header)
    with pytest.raises(BadFile, match="columns"):
        sheet(b",".join(b"c%d" % number for number in range(files.MAX_COLUMNS + 1)) + b"\n")


def test_xz_may_not_ask_for_any_memory():
    data = lzma.compress(b"name\n1\n", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}])
    with pytest.raises(BadFile, match="damaged"):
        sheet(data)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (["a", "c"], ["Missing", "b"]),
        (["a", "b", "b"], ["twice", "b"]),
        (["a", "b", "d", ""], ["Unknown", "d, “”"]),
        (["a", "a", "x"], ["Missing", "twice", "Unknown"]),
    ],
)
def test_every_wrong_column_is_named(header, says):
    with pytest.raises(BadFile) as raised:
        check_header(header, ["a", "b"], ["c"])
    assert all(word in str(raised.value) for word in says)
    assert raised.value.line == 1


@given(
    st.lists(
        st.lists(
            st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=20),
            min_size=2,
            max_size=2,
        ),
        max_size=20,
    ),
    st.sampled_from([lambda data: data, gzip.compress, lzma.compress]),
)
def test_what_was_written_is_read_back(rows, pack):
    """Against Python's own writer: every row, and the line on which it starts."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["a", "b"])
    expected = []
    for row in rows:
        expected.append((out.getvalue().count("\n") + 1, row))
        writer.writerow(row)
    assert sheet(pack(out.getvalue().encode())) == (["a", "b"], expected)


# In: a cell

NUMBER = columns.decimal(digits=12, places=3, above=Decimal(0))


@pytest.mark.parametrize(
    "cell",
    [
        "1e400",
        "NaN",
        "Infinity",
        "-Infinity",
        "-1",
        "0",
        "1,5",
        "1.2345",
        "1000000000",
        "٣",
        "1_0",
        "0x1",
        " ",
        "--1",
        "9" * 400,
    ],
)
def test_what_is_no_mass(cell):
    with pytest.raises(ValueError, match=r"\w"):
        NUMBER(cell)


@given(st.decimals(min_value="0.001", max_value="999999999.999", places=3))
def test_every_mass_is_read_exactly(value):
    assert NUMBER(f"{value:f}") == value
    assert NUMBER(f"{value:f}000") == value


@pytest.mark.parametrize("cell", ["a\0b", "a\nb", "a\x07", "x" * 11, "a\u2028b"])
def test_what_is_no_text(cell):
    with pytest.raises(ValueError, match=r"\w"):
        columns.text(10)(cell)


def test_text_of_our_own_exports_is_restored():
    assert columns.text(10)("'=1+1") == "=1+1"
    assert columns.text(20, lines=True)("two\nlines") == "two\nlines"


@pytest.mark.parametrize("cell", ["2026-02-30", "26-01-01", "2026-1-1", "1899-12-31", "9999-01-01", "01/02/2026"])
def test_what_is_no_day(cell):
    with pytest.raises(ValueError, match=r"\w"):
        columns.day()(cell)


RENO = ZoneInfo("America/Los_Angeles")


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("2025-12-31 23:30", datetime(2026, 1, 1, 7, 30, tzinfo=UTC)),
        ("2025-12-31T23:30:15-05:00", datetime(2026, 1, 1, 4, 30, 15, tzinfo=UTC)),
        ("2025-07-01T00:00Z", datetime(2025, 7, 1, tzinfo=UTC)),
    ],
)
def test_a_time_without_offset_is_that_of_the_place(cell, instant):
    assert columns.instant(cell, RENO) == instant


@pytest.mark.parametrize(
    "cell",
    [
        "2025-11-02 01:30",
        "2025-03-09 02:30",
        "2025-12-31",
        "2025-12-31 25:00",
        "now",
        "2025-12-31 23:30 PST",
        "0001-01-01 00:00",
    ],
)
def test_what_is_no_time_or_a_doubtful_one(cell):
    with pytest.raises(ValueError, match=r"\w"):
        columns.instant(cell, RENO)
