"""Writing files so that nothing is lost: whole or not at all."""

import errno
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A draft to write to, which takes the place of `path` when all went well.

    The draft lies in a new folder beside `path`, so that two processes never write to the same one, and it is on the
    disk before it replaces anything: after a power cut there is the old file or the new one.

    Parameters
    ----------
    path : path
        Its folder is made if it is not there.

    Yields
    ------
    Path
        Where to write, with no suffix that would tell a writer the format.

    Raises
    ------
    OSError
        The disk is full, or the user's quota is used up: says so. What was at `path` before is untouched, here and
        after any other error.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with TemporaryDirectory(prefix=".draft-", dir=path.parent) as folder:
            draft = Path(folder, "draft")  # a name that no search for images or runs takes
            yield draft
            with draft.open("r+b") as written:
                os.fsync(written.fileno())
            os.replace(draft, path)
    except OSError as error:
        if not (what := full(error)):
            raise
        kept = "what it held before is untouched" if path.exists() else "nothing was written"
        raise OSError(error.errno, f"{what}: could not write {path}; {kept}; free space, then run again") from error


def full(error: OSError) -> str:
    """What of a disk is used up, in words; "" for any other error.

    >>> full(OSError(errno.ENOSPC, "No space left on device"))
    'the disk is full'
    """
    words = {"ENOSPC": "the disk is full", "EDQUOT": "your quota of the disk is used up"}  # Windows has no EDQUOT
    return words.get(errno.errorcode.get(error.errno or 0, ""), "")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with atomic(path) as draft:
        draft.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], content: object) -> None:
    """JSON that every reader takes: nan and infinities, which it does not know, become null."""
    write_text(path, json.dumps(finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def finite(value: object) -> object:
    """The same content with None for nan and infinities.

    >>> finite({"BF": float("nan"), "IoU": (0.5, float("inf"))})
    {'BF': None, 'IoU': [0.5, None]}
    """
    if isinstance(value, dict):
        return {name: finite(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
