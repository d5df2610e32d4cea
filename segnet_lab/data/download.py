"""Getting data sets from their public source."""

import gzip
import hashlib
import http.client
import json
import lzma
import re
import ssl
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO, NamedTuple

from tqdm import tqdm

from segnet_lab._support.errors import InvalidInput
from segnet_lab._support.files import atomic, full, write_json, write_text
from segnet_lab._support.progress import headless
from segnet_lab.data.cards import Download, load_card
from segnet_lab.data.ondisk import data_home, expand

CHUNK = 1 << 20
TIMEOUT = 60  # seconds without a byte
BROKEN = (urllib.error.URLError, ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException)
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError),
    *(RuntimeError, IndexError),  # what zipfile makes of encryption, an unknown compression and a name of no letters
)


class Fetched(NamedTuple):
    """One archive of a data set after `get`."""

    file: str
    sha256: str
    compared: bool  # with the card's, where it has one
    unpacked: tuple[str, ...]  # files below the root
    new: bool  # False: it was there already

    def __str__(self):
        what = f"{len(self.unpacked)} files unpacked" if self.new else f"already here, {len(self.unpacked)} files"
        checksum = "as on the card" if self.compared else "the card has none to compare with"
        return f"{self.file}: {what}; SHA-256 {self.sha256} ({checksum})"


class Got(NamedTuple):
    """What `get` did; prints as a few lines."""

    root: Path
    archives: tuple[Fetched, ...]

    def __str__(self):
        return "\n".join([*map(str, self.archives), f"in {self.root}"])


def get(name: str, root: str | Path | None = None) -> Got:
    """Download a data set from the source on its card and unpack it.

    What is already there is not fetched again, and a download that broke off goes on where it stopped, if the source
    says that its file is still the same (by a strong ETag). Nothing stands under its real name before it is whole.

    Parameters
    ----------
    name : str
        A data set whose card names a source.
    root : str or Path, optional
        Where it goes; None: `data_home()/name`, where `load_dataset` looks first.

    Returns
    -------
    Got
        Printed, it says the SHA-256 of each archive, to be compared by eye where the card has none.

    Raises
    ------
    ValueError
        Unknown data set, one without a source, a wrong checksum, an archive that is damaged or writes elsewhere.
    ConnectionError
        No answer, or the connection broke; what came is kept.
    OSError
        The disk is full; what came is kept.
    """
    card = load_card(name)
    if not card.downloads:
        why = "it is your own" if name == "folder" else "it is made here and needs no files"
        raise InvalidInput(f"there is nothing to download for {name}: {why}")
    root = expand(root) if root is not None else data_home() / name
    return Got(root, tuple(_get(download, root, card.homepage) for download in card.downloads))


def _get(download: Download, root: Path, homepage: str) -> Fetched:
    note = root / f".{download.file}.json"  # what was unpacked, so that nothing is done twice
    before = _unpacked_before(note, root)
    if before is not None:
        digest = before["sha256"]
        return Fetched(download.file, digest, digest == download.sha256, tuple(before["unpacked"]), new=False)
    archive = root / download.file
    if not archive.is_file():
        fetch(download.url, archive, download.sha256, homepage)
    digest = _sha256(archive)
    if download.sha256 not in (None, digest):
        raise InvalidInput(
            f"{archive} has SHA-256 {digest}, the card says {download.sha256}: delete it, run this again"
        )
    files = unpack(archive, root / download.to, download.take)
    sizes = {path.relative_to(root).as_posix(): _size(path) for path in files}
    write_json(note, {"url": download.url, "sha256": digest, "unpacked": sizes})
    archive.unlink()
    return Fetched(download.file, digest, download.sha256 is not None, tuple(sizes), new=True)


def _unpacked_before(note: Path, root: Path) -> dict | None:
    """The note of an earlier `_get`, if it can be read and every file is there in full."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        files = content["unpacked"].items()
        whole = isinstance(content["sha256"], str) and all((root / file).stat().st_size == size for file, size in files)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return content if whole else None


def fetch(url: str, path: str | Path, sha256: str | None = None, homepage: str = "") -> None:
    """Download one file; goes on from `path.part` if an earlier attempt left one and the source's file is the same.

    Parameters
    ----------
    url : str
    path : str or Path
        Appears only when everything has come, and with the right checksum.
    sha256 : str, optional
    homepage : str
        Named in errors.

    Raises
    ------
    ConnectionError, OSError, ValueError
        As `get`. After a wrong checksum the partial file is gone; otherwise it is kept.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part, tag = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.etag")
    try:
        total = _receive(url, part, tag)
    except urllib.error.HTTPError as error:
        raise ConnectionError(
            f"{url} answered {error.code} {error.reason}: the source may have moved. See {homepage or 'its homepage'}, "
            f"or put the file by hand at {path} and run this again"
        ) from None
    except BROKEN as error:
        reason = getattr(error, "reason", None) or repr(error)
        raise ConnectionError(_broken(url, part, tag, reason)) from None
    except OSError as error:
        if not full(error):
            raise
        message = f"{full(error)} after {_mb(_size(part))} of {path.name}; {part} is kept"
        raise OSError(error.errno, f"{message}: free space and run this again") from None
    if total is not None and _size(part) != total:
        raise ConnectionError(_broken(url, part, tag, f"{_mb(total)} were announced"))
    if sha256 is not None:
        digest = _sha256(part)
        if digest != sha256:
            part.unlink()
            raise InvalidInput(
                f"{url}: the SHA-256 of what came is {digest}, but the card says {sha256}. It was thrown away; run "
                "this again, and if it stays so, the file at the source has changed"
            )
    part.replace(path)
    tag.unlink(missing_ok=True)


def unpack(archive: str | Path, to: str | Path, take: str = "") -> list[Path]:
    """Unpack a zip or tar archive, each file whole or not at all.

    Parameters
    ----------
    archive : str or Path
    to : str or Path
        The folder below which everything stays.
    take : str
        A folder inside the archive: only what lies below it is taken, without that folder's own name.

    Returns
    -------
    files : list of Path

    Raises
    ------
    ValueError
        No archive, a damaged one, one without `take`, or a member that points outside `to` or is a link.
    OSError
        The disk is full; the archive is kept.
    """
    archive, to, below, files = Path(archive), Path(to), PurePosixPath(take), []
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
        if isinstance(error, OSError) and error.errno is not None:  # bz2 has none for what it cannot read
            raise
        raise InvalidInput(f"{archive} is damaged ({error}): delete it and run this again") from None
    if not files:
        raise InvalidInput(f"{archive} holds no file" + (f" below {take}" if take else ""))
    return files


def _members(archive: Path) -> Iterator[tuple[str, BinaryIO]]:
    """(name, stream) of every file in an archive."""
    with ExitStack() as stack:
        if zipfile.is_zipfile(archive):
            pack = stack.enter_context(zipfile.ZipFile(archive))
            for info in pack.infolist():
                if not info.is_dir():
                    with pack.open(info) as stream:
                        yield info.filename, stream
        elif tarfile.is_tarfile(archive):
            pack = stack.enter_context(tarfile.open(archive))
            while pack.fileobj.read(CHUNK):  # to the end, where gzip keeps its checksum
                pass
            pack = stack.enter_context(tarfile.open(archive))
            for info in pack:
                if info.isfile():
                    yield info.name, pack.extractfile(info)
                elif not info.isdir():
                    raise InvalidInput(f"{archive} is not safe: its member {info.name!r} is a link or a device")
            pack.fileobj.seek(pack.offset)
            if pack.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:  # where every tar ends
                raise tarfile.ReadError("it breaks off")
        else:
            raise InvalidInput(f"{archive} is neither a zip nor a tar archive: delete it and run this again")


def _receive(url: str, part: Path, tag: Path) -> int | None:
    """Append to `part` what is missing; the size that the source announced, if it did.

    Only a strong ETag shows that the source still has the file whose beginning is in `part` (RFC 9110, 13.1.5).
    """
    etag = tag.read_text(encoding="utf-8") if tag.is_file() else None
    have = _size(part) if etag else 0
    request = urllib.request.Request(url, headers={"User-Agent": "segnet-lab", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", etag)
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:  # "range not satisfiable": nothing is missing, or the file there is another
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}" and error.headers.get("ETag", etag) == etag:
            return have
        return _start_again(url, part, tag)
    with response:
        came = re.match(rf"bytes {have}-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if response.status == 206 and not (came and have and response.headers.get("ETag") == etag):
            if not have:
                raise http.client.HTTPException("a part came that nobody had asked for")
            return _start_again(url, part, tag)
        if not came:  # the source cannot resume, or has another file by now, and sends it all
            have = 0
            part.unlink(missing_ok=True)  # before its tag is another
            tag.unlink(missing_ok=True)
            if response.headers.get("ETag", "W/").startswith('"'):  # a strong one
                write_text(tag, response.headers["ETag"])
        length = response.headers.get("Content-Length")
        total = int(came[1]) if came else int(length) if length else None
        bar = tqdm(
            total=total,
            initial=have,
            unit="B",
            unit_scale=True,
            desc=part.stem,
            disable=True if headless() else None,  # None: silent when not a terminal
        )
        with bar, part.open("ab" if came else "wb") as out:
            while chunk := response.read1(CHUNK):  # what is there, so that a break loses nothing
                out.write(chunk)
                bar.update(len(chunk))
    return total


def _start_again(url: str, part: Path, tag: Path) -> int | None:
    part.unlink()
    tag.unlink(missing_ok=True)
    return _receive(url, part, tag)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _broken(url: str, part: Path, tag: Path, reason) -> str:
    have = _size(part)
    if not have:
        return f"no answer from {url}: {reason}. Check the connection and run this again"
    broke = f"the connection to {url} broke after {_mb(have)} ({reason})"
    if tag.is_file():
        return f"{broke}; {part} is kept: run this again and it goes on from there"
    return f"{broke}: run this again. It will begin anew, for the source does not show whether its file stays the same"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
