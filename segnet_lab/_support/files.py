"""Writing files so that nothing is lost: whole or not at all."""

import errno
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Write to the path this gives; it takes the place of `path` only when all went well.

    Raises
    ------
    OSError
        When the disk is full: says so; what stood at `path` before is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    try:
        yield draft
        os.replace(draft, path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            kept = "what it held before is untouched" if path.exists() else "nothing was written"
            message = f"the disk is full: could not write {path}; {kept}; free space, then run again"
            raise OSError(errno.ENOSPC, message) from error
        raise
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    with atomic(path) as draft:
        draft.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike, content) -> None:
    """JSON that every reader takes: nan and infinities, which it does not know, become null."""
    write_text(path, json.dumps(finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def finite(value):
    """The same content with None for nan and infinities."""
    if isinstance(value, dict):
        return {name: finite(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
