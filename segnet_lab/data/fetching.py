"""Downloading one file so that nothing is lost when the connection breaks and nothing wrong is taken for it."""

import hashlib
import http.client
import re
import ssl
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from segnet_lab._support.errors import InvalidInput
from segnet_lab._support.files import full, write_text
from segnet_lab._support.progress import headless

SCHEMES = ("https://", "http://")
CHUNK = 1 << 20
TIMEOUT = 60  # seconds without a byte
BROKEN = (urllib.error.URLError, ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException)


def fetch(url: str, path: str | Path, sha256: str | None = None, homepage: str = "") -> None:
    """Download one file, resuming from `path.part` if an earlier attempt left it and the source has the same file.

    Parameters
    ----------
    url : str
        https, or http.
    path : str or Path
        Appears only when the file is complete and has the right checksum.
    sha256 : str, optional
        What the checksum should be; None if that is not known.
    homepage : str
        Where to look if the address is gone; named in errors.

    Raises
    ------
    ConnectionError
        No answer, or the connection broke; the partial file is kept.
    OSError
        The disk is full; the partial file is kept.
    ValueError
        Another kind of address, or a wrong checksum, after which the partial file is deleted.
    """
    if not url.startswith(SCHEMES):
        raise InvalidInput(f"{url} is not an address to download from: it begins with {' or '.join(SCHEMES)}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part, tag = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.etag")
    try:
        total = _receive(url, part, tag)
    except urllib.error.HTTPError as error:
        raise ConnectionError(
            f"{url} answered {error.code} {error.reason}: the source may have moved. See {homepage or 'its homepage'}, "
            f"or download the file by hand to {path} and run this again"
        ) from None
    except BROKEN as error:
        reason = getattr(error, "reason", None) or repr(error)
        raise ConnectionError(_broken(url, part, tag, reason)) from None
    except OSError as error:
        if not full(error):
            raise
        message = f"{full(error)} after {_mb(size_of(part))} of {path.name}; {part} is kept"
        raise OSError(error.errno, f"{message}: free space and run this again") from None
    if total is not None and size_of(part) != total:
        raise ConnectionError(_broken(url, part, tag, f"the source announced {_mb(total)}"))
    if sha256 is not None:
        digest = sha256_of(part)
        if digest != sha256:
            part.unlink()
            raise InvalidInput(
                f"{url}: the SHA-256 of the download is {digest}, but the card says {sha256}. It was deleted; run this "
                "again, and if the checksum is wrong again, the file at the source has changed"
            )
    part.replace(path)
    tag.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(path: Path) -> int:
    """The size of a file in bytes; 0 if there is none."""
    return path.stat().st_size if path.is_file() else 0


# --------------------------------------------------------------------------------------------------


def _receive(url: str, part: Path, tag: Path) -> int | None:
    """Append what is missing to `part`, and return the size that the source announced, if it did.

    Only a strong ETag shows that the source still has the file whose beginning is in `part` (RFC 9110, 13.1.5).
    """
    etag = tag.read_text(encoding="utf-8") if tag.is_file() else None
    have = size_of(part) if etag else 0
    headers = {"User-Agent": "segnet-lab", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  `fetch` has checked the scheme
    if etag and have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", etag)
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310  `fetch` has checked the scheme
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
                raise http.client.HTTPException("the source sent a part that was not requested")
            return _start_again(url, part, tag)
        if not came:  # the source cannot resume, or has another file by now, and sends all of it
            have = 0
            part.unlink(missing_ok=True)  # before the tag changes
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
            while chunk := response.read1(CHUNK):  # whatever has arrived, so that a break loses nothing
                out.write(chunk)
                bar.update(len(chunk))
    return total


def _start_again(url: str, part: Path, tag: Path) -> int | None:
    part.unlink()
    tag.unlink(missing_ok=True)
    return _receive(url, part, tag)


def _broken(url: str, part: Path, tag: Path, reason: object) -> str:
    have = size_of(part)
    if not have:
        return f"no answer from {url}: {reason}. Check the connection and run this again"
    broke = f"the connection to {url} broke after {_mb(have)} ({reason})"
    if tag.is_file():
        return f"{broke}; {part} is kept: run this again and it resumes from there"
    return f"{broke}: run this again. It will start over, since the source does not show whether its file has changed"


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
