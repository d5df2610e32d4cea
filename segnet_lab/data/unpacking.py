"""Unpacking zip and tar archives from a source that is not trusted."""

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

from segnet_lab._support.errors import InvalidInput
from segnet_lab._support.files import atomic

CHUNK = 1 << 20
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError),
    *(RuntimeError, IndexError),  # what zipfile makes of encryption, an unknown compression and an empty name
)


def unpack(archive: str | Path, to: str | Path, take: str = "") -> list[Path]:
    """Unpack a zip or tar archive, each file completely or not at all.

    Parameters
    ----------
    archive : str or Path
    to : str or Path
        The folder below which everything stays.
    take : str
        A folder inside the archive: only what is below it is taken, without that folder's own name.

    Returns
    -------
    files : list of Path

    Raises
    ------
    ValueError
        Not an archive, a damaged one, one without `take`, or a member that points outside `to` or is a link.
    OSError
        The disk is full; the archive is kept.
    """
    archive, to, below = Path(archive), Path(to), PurePosixPath(take)
    files: list[Path] = []
    try:
        for name, member in _members(archive):
            inside = PurePosixPath(name.replace("\\", "/"))
            if inside.is_absolute() or ".." in inside.parts or PureWindowsPath(name).drive:
                raise InvalidInput(f"{archive} is not safe: its member {name!r} points outside {to}; unpacking stopped")
            if not inside.is_relative_to(below):
                continue
            target = to / inside.relative_to(below)
            with atomic(target) as draft, draft.open("wb") as out:
                while chunk := member.read(CHUNK):
                    out.write(chunk)
            files.append(target)
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # bz2 sets none for what it cannot read
            raise
        raise InvalidInput(f"{archive} is damaged ({error}): delete it and run this again") from None
    if not files:
        raise InvalidInput(f"{archive} holds no file" + (f" below {take}" if take else ""))
    return files


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """(name, stream) of every file in an archive."""
    if zipfile.is_zipfile(archive):
        return _members_of_zip(archive)
    if tarfile.is_tarfile(archive):
        return _members_of_tar(archive)
    raise InvalidInput(f"{archive} is neither a zip nor a tar archive: delete it and run this again")


def _members_of_zip(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as pack:
        for info in pack.infolist():
            if not info.is_dir():
                with pack.open(info) as stream:
                    yield info.filename, stream


def _members_of_tar(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    _read_to_the_end(archive)
    with tarfile.open(archive) as pack:
        for info in pack:
            stream = pack.extractfile(info) if info.isfile() else None
            if stream:
                yield info.name, stream
            elif not info.isdir():
                raise InvalidInput(f"{archive} is not safe: its member {info.name!r} is a link or a device")
        end, file = pack.offset, cast(IO[bytes], pack.fileobj)  # open, since the archive is
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:  # how every tar ends
            raise tarfile.ReadError("it breaks off")


def _read_to_the_end(archive: Path) -> None:
    """The checksum of gzip is at the end, where `tarfile` would not look."""
    with tarfile.open(archive) as pack:
        while cast(IO[bytes], pack.fileobj).read(CHUNK):
            pass
