"""Getting data sets from their public source."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from segnet_lab._support.errors import InvalidInput
from segnet_lab._support.files import write_json
from segnet_lab.data.cards import Download, load_card
from segnet_lab.data.fetching import fetch, sha256_of, size_of
from segnet_lab.data.ondisk import data_home, expand
from segnet_lab.data.unpacking import unpack


class Fetched(NamedTuple):
    """One archive of a data set after `get`."""

    file: str
    sha256: str
    compared: bool  # with the checksum on the card, if it has one
    unpacked: tuple[str, ...]  # files below the root
    new: bool  # False: it was there already

    def __str__(self) -> str:
        what = f"{len(self.unpacked)} files unpacked" if self.new else f"already here, {len(self.unpacked)} files"
        checksum = "as on the card" if self.compared else "the card has none to compare with"
        return f"{self.file}: {what}; SHA-256 {self.sha256} ({checksum})"


class Got(NamedTuple):
    """What `get` did, in a few lines if printed."""

    root: Path
    archives: tuple[Fetched, ...]

    def __str__(self) -> str:
        return "\n".join([*map(str, self.archives), f"in {self.root}"])


def get(name: str, root: str | Path | None = None) -> Got:
    """Download a data set from the source on its card and unpack it.

    What is already there is not downloaded again, and a broken download resumes where it stopped if the source says,
    by a strong ETag, that its file is still the same. No file has its real name before it is complete.

    Parameters
    ----------
    name : str
        A data set whose card names a source.
    root : str or Path, optional
        Where it goes; None takes `data_home()/name`, where `load_dataset` looks first.

    Returns
    -------
    Got
        Printed, it says the SHA-256 of each archive, to compare by eye if the card has none.

    Raises
    ------
    ValueError
        An unknown data set, one without a source, a wrong checksum, an archive that is damaged or not safe.
    ConnectionError
        No answer, or the connection broke; what has arrived is kept.
    OSError
        The disk is full; what has arrived is kept.
    """
    card = load_card(name)
    if not card.downloads:
        why = "it is your own" if name == "folder" else "it is made here and needs no files"
        raise InvalidInput(f"there is nothing to download for {name}: {why}")
    folder = expand(root) if root is not None else data_home() / name
    return Got(folder, tuple(_get(download, folder, card.homepage) for download in card.downloads))


def _get(download: Download, root: Path, homepage: str) -> Fetched:
    note = root / f".{download.file}.json"  # which files were unpacked, so that nothing is done twice
    before = _unpacked_before(note, root)
    if before is not None:
        digest = before["sha256"]
        return Fetched(download.file, digest, digest == download.sha256, tuple(before["unpacked"]), new=False)
    archive = root / download.file
    if not archive.is_file():
        fetch(download.url, archive, download.sha256, homepage)
    digest = sha256_of(archive)
    if download.sha256 not in (None, digest):
        raise InvalidInput(
            f"{archive} has SHA-256 {digest}, but the card says {download.sha256}: delete it and run this again"
        )
    files = unpack(archive, root / download.to, download.take)
    sizes = {path.relative_to(root).as_posix(): size_of(path) for path in files}
    write_json(note, {"url": download.url, "sha256": digest, "unpacked": sizes})
    archive.unlink()
    return Fetched(download.file, digest, download.sha256 is not None, tuple(sizes), new=True)


def _unpacked_before(note: Path, root: Path) -> dict[str, Any] | None:
    """The note of an earlier `_get`, if it can be read and every file is there with its full size."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        files = content["unpacked"].items()
        whole = isinstance(content["sha256"], str) and all((root / file).stat().st_size == size for file, size in files)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return content if whole else None
