import json
import os
import string
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core import reading
from netwright.core.errors import DataError
from netwright.core.reading import LONGEST_ROW, check_rows
from netwright.core.text import printable
from netwright.tasks.abr.formats import read_traces
from netwright.tasks.vp.data import read_csv


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "a.bin"
    path.write_bytes(content)
    return path


def test_a_file_is_read_whole(tmp_path):
    assert reading.read_bytes(_file(tmp_path, b"abc")) == b"abc"
    assert reading.read_text(_file(tmp_path, "\ufeffa °\r\n".encode())) == "a °\r\n"


@pytest.mark.timeout(10)
def test_what_is_no_plain_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "link", Path("/dev/zero"), tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            reading.read_bytes(path)


def test_a_device_below_a_limit_of_zero_bytes_is_refused():
    with pytest.raises(DataError, match="not a plain file"):
        reading.read_bytes(Path("/dev/null"))


@pytest.mark.parametrize("name", ["absent", "a\0b", "x" * 300])
def test_a_name_that_leads_nowhere_is_refused(tmp_path, name):
    with pytest.raises(DataError):
        reading.read_bytes(tmp_path / name)


def test_an_absent_file_has_an_error_of_its_own(tmp_path):
    with pytest.raises(reading.MissingFileError, match="absent: no such file; build it"):
        reading.read_bytes(tmp_path / "absent", remedy="build it")


def test_a_large_file_is_refused_unread(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(DataError, match="has 1024 GiB, above the limit of 16 MiB"):
        reading.read_text(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a\n\xff\xfe", ":2: not a text file in UTF-8"), (b"a\nb\n\0", ":3: contains a null byte")],
)
def test_bytes_that_are_no_text_are_named_by_line(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        reading.read_text(_file(tmp_path, content))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[NaN]", "NaN is not a number"),
        ('{"a": -Infinity}', "-Infinity is not a number"),
        ("[1e999]", "1e999 is too large"),
        ("[" + "9" * 5000 + "]", "an integer of 5000 digits"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "'c' occurs twice"),
        ("[" * 100_000, "nested more than 64 levels"),
        ('{"a":' * 65 + "1" + "}" * 65, "nested more than 64 levels"),
        (r'["\ud800"]', "UTF-8"),
        ("[1,]", "line 1, column"),
        ("", "not valid JSON"),
    ],
)
def test_json_that_is_not_strict_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        reading.parse_json(text, "a.json")


def test_brackets_in_strings_are_not_depth():
    text = json.dumps(["[" * 1000, '\\"' + "{" * 1000])
    assert reading.parse_json(text, "a.json") == json.loads(text)


_DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_DOCUMENTS)
def test_strict_json_reads_what_json_writes(document):
    assert reading.parse_json(json.dumps(document), "a.json") == document
    assert reading.parse_json(json.dumps(document, ensure_ascii=False).encode(), "a.json") == document


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(content):
    try:
        reading.parse_json(content, "a.json")
    except DataError as error:
        assert str(error).startswith("a.json: not valid JSON")


def test_lines_of_json_are_numbered(tmp_path):
    path = _file(tmp_path, b'{"a": 1}\n\n[2]\n')
    assert list(reading.read_json_lines(path)) == [(1, {"a": 1}), (3, [2])]
    with pytest.raises(DataError, match=r"a\.bin:2: not valid JSON"):
        list(reading.read_json_lines(_file(tmp_path, b"1\n{\n")))


@pytest.mark.parametrize("text", ["²", "١", "1_0", "+1", "-1", "", "1.0", "1" * 19])
def test_what_is_no_whole_number(text):
    assert reading.whole_number(text) is None


@given(st.integers(0, 10**18 - 1))
def test_whole_numbers(value):
    assert reading.whole_number(str(value)) == value


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-inf", "1_0", "١", "1e999", "", ".", "e5", "0x10", "1e99999"]
)
def test_what_is_no_decimal_number(text):
    assert reading.decimal_number(text) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimal_numbers(value):
    assert reading.decimal_number(repr(value)) == value


def test_whatever_a_decoder_raises_is_one_sentence():
    for error in (ZeroDivisionError(), RecursionError("deep"), MemoryError(), KeyError("a")):
        with (
            pytest.raises(DataError, match=r"^a\.npz: .*; fetch it\.$"),
            reading.decoding("a.npz", "damaged", "fetch it"),
        ):
            raise error


@given(st.text())
def test_printable_text_has_no_control_character(text):
    shown = printable(text)
    assert shown.isprintable() or not set(shown) & set(
        map(chr, [*range(32), *range(127, 160), 0x202E, 0x2028])
    )
    shown.encode("utf-8")


def test_plain_text_is_shown_as_it_is():
    assert printable(string.printable[:95] + "äß漢°²") == string.printable[:95] + "äß漢°²"
    assert printable("a\x1b[31mb\n\u202e\ud800") == "a\\x1b[31mb\\n\\u202e\\ud800"
    assert printable("a\n\tb\x07", lines=True) == "a\n\tb\\x07"


def test_sizes_in_words():
    assert [reading.size_in_words(n) for n in (5, 2048, 16 << 20, 3 << 29)] == [
        "5 bytes",
        "2 KiB",
        "16 MiB",
        "1.5 GiB",
    ]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_named(tmp_path):
    path = _file(tmp_path, b"a")
    path.chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        reading.read_bytes(path)


def test_a_line_that_is_no_row_is_refused_before_its_cells_are_parsed(tmp_path):
    check_rows("1 2\n" + "1" * LONGEST_ROW, tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"a\.csv:2: has 100001 characters, and no row has more than 100000"):
        check_rows("1 2\n" + "1" * (LONGEST_ROW + 1), tmp_path / "a.csv")
    for read in (read_traces, read_csv):
        (tmp_path / "long").write_text("1 " * LONGEST_ROW)
        with pytest.raises(DataError, match="long:1: has 200000 characters"):
            read(tmp_path / "long")
