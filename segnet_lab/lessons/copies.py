"""A copy of the lessons to work in, so that an update never meets somebody's answers."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from segnet_lab._support.folders import shipped

COPIED = ("*.ipynb", "*.md", "solutions/*.ipynb")


class Copied(NamedTuple):
    """What `copy_lessons` did."""

    folder: Path
    written: tuple[Path, ...]
    kept: tuple[Path, ...]  # were there already


def copy_lessons(folder: str | os.PathLike[str]) -> Copied:
    """Copy lessons, solutions, instructor guide and glossary; what is there already stays as it is.

    Parameters
    ----------
    folder : path
        Made if it is not there. The copy has the folders of the original, so that links between lessons lead on.

    Returns
    -------
    Copied

    Examples
    --------
    >>> copied = copy_lessons("my_lessons")                                        # doctest: +SKIP
    """
    source, folder = shipped("notebooks"), Path(folder).expanduser()
    written, kept = [], []
    for path in (path for pattern in COPIED for path in sorted(source.glob(pattern))):
        target = folder / path.relative_to(source)
        if target.exists():
            kept.append(target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            written.append(target)
    return Copied(folder, tuple(written), tuple(kept))
