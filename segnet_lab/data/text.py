"""Text files from any editor: one reader, so that cards and listings fail alike."""

import codecs
import io
from pathlib import Path

from segnet_lab._support.errors import InvalidInput

_MARKS = {  # UTF-32 first: its little-endian mark begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def read_text(path: str | Path) -> str:
    r"""A text file in UTF-8, or in UTF-16 or UTF-32 with a byte-order mark as Windows writes it.

    Returns
    -------
    text : str
        Without the mark; every line ends in "\n", whatever the file's line endings are.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        Another encoding, such as Latin-1, or no text at all: names the file, the first byte that does not fit, its
        line and the way out.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "train.txt"
    >>> _ = path.write_bytes("Käfer\r\nHase\r\n".encode("utf-8-sig"))
    >>> read_text(path)
    'Käfer\nHase\n'
    """
    path = Path(path)
    content = path.read_bytes()
    mark = next((mark for mark in _MARKS if content.startswith(mark)), b"")
    encoding, content = _MARKS.get(mark, "utf-8"), content[len(mark) :]
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidInput(_not_text(path, content, error.start, encoding)) from None
    if "\0" in text:  # no editor writes it: UTF-16 without its mark, or no text
        raise InvalidInput(_not_text(path, content, content.index(0), encoding))
    return io.StringIO(text, newline=None).read()


# --------------------------------------------------------------------------------------------------


def _not_text(path: Path, content: bytes, place: int, encoding: str) -> str:
    line = content[:place].decode(encoding, "ignore").count("\n") + 1
    name = encoding.upper().removesuffix("-LE").removesuffix("-BE")
    return f"{path} is not {name} (byte 0x{content[place]:02X} at line {line}): save it as UTF-8"
