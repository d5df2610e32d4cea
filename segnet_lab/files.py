"""Writing files so that nothing is lost: whole or not at all."""

import errno
import json
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
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
