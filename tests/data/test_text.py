"""Text of any editor is read, or refused with the file's name and the line."""

import codecs

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segnet_lab.data.text import read_text

TEXT = "Käfer\nHase\n\n日本 𝄞\n"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_every_editors_text_is_the_same(tmp_path, mark, encoding, ending):
    path = tmp_path / "a.txt"
    path.write_bytes(mark + TEXT.replace("\n", ending).encode(encoding))
    assert read_text(path) == TEXT


def test_an_empty_file_is_empty_text(tmp_path):
    for content in (b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE):
        (tmp_path / "a.txt").write_bytes(content)
        assert read_text(tmp_path / "a.txt") == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("eins\nKäfer\n".encode("latin-1"), r"is not UTF-8 \(byte 0xE4 at line 2\): save it as UTF-8"),
        ("preis €5".encode("cp1252"), r"is not UTF-8 \(byte 0x80 at line 1\): save it as UTF-8"),
        ("cat\n".encode("utf-16-le"), r"is not UTF-8 \(byte 0x00 at line 1\)"),  # no mark
        (codecs.BOM_UTF16_LE + b"odd", r"is not UTF-16 \(byte 0x64 at line 1\): save it as UTF-8"),
        (codecs.BOM_UTF8 + b"a\n\nb\xff", r"is not UTF-8 \(byte 0xFF at line 3\)"),
        (b"\x89PNG\r\n\x1a\n", r"is not UTF-8 \(byte 0x89 at line 1\)"),
    ],
)
def test_what_is_no_text_is_named_with_its_line(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.txt " + message):
        read_text(tmp_path / "a.txt")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.txt"):
        read_text(tmp_path / "gone.txt")


@given(st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused_by_name(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    try:
        text = read_text(path)
    except ValueError as error:
        text = str(error)
        assert text.startswith(f"{path} is not UTF-")
    assert "\r" not in text
