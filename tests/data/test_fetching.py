"""Downloads from a server on this machine: broken, resumed, changed meanwhile, wrong."""

import errno
import hashlib

import pytest

from segnet_lab.data import fetching
from segnet_lab.data.fetching import fetch
from tests.data.server import CONTENT

SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "file.zip"


def only(path):
    """Nothing else lies beside the file."""
    return [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("length", [True, False])
def test_a_file_comes_whole(source, path, length):
    source.length = length
    fetch(source.url, path, SHA256)
    assert path.read_bytes() == CONTENT
    assert only(path)


@pytest.mark.parametrize("length", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(source, path, length):
    source.length, source.breaks_after = length, 100_000
    with pytest.raises(ConnectionError, match=r"broke after 0\.1 MB .*file\.zip\.part is kept: run this again"):
        fetch(source.url, path)
    assert not path.exists()
    assert path.with_name("file.zip.part").read_bytes() == CONTENT[:100_000]
    source.breaks_after = None
    fetch(source.url, path, SHA256)
    assert source.requests == [(None, 200), ("bytes=100000-", 206)]
    assert path.read_bytes() == CONTENT
    assert only(path)


def test_it_may_break_many_times(source, path):
    source.breaks_after = 90_000
    for _ in range(3):  # 90, 180, 270 thousand
        with pytest.raises(ConnectionError):
            fetch(source.url, path)
    fetch(source.url, path, SHA256)
    assert path.read_bytes() == CONTENT


def left_over(path, content, etag='"first"'):
    """What an earlier attempt left."""
    path.parent.mkdir()
    path.with_name("file.zip.part").write_bytes(content)
    if etag:
        path.with_name("file.zip.part.etag").write_text(etag)


def test_nothing_was_missing_but_the_name(source, path):
    left_over(path, CONTENT)
    fetch(source.url, path, SHA256)
    assert source.requests == [("bytes=300000-", 416)]
    assert path.read_bytes() == CONTENT
    assert only(path)


@pytest.mark.parametrize("etag", [None, 'W/"weak"', ""])
@pytest.mark.parametrize("size", [500, 300_000, 400_000])
def test_without_a_strong_etag_it_begins_anew(source, path, etag, size):
    left_over(path, b"x" * size, None)
    source.etag = etag or ""
    fetch(source.url, path)
    assert source.requests == [(None, 200)]
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("etag", ['W/"weak"', ""])
def test_a_break_without_a_strong_etag_says_that_it_will_begin_anew(source, path, etag):
    source.etag, source.breaks_after = etag, 100_000
    with pytest.raises(ConnectionError, match=r"broke after 0\.1 MB .*: run this again\. It will start over"):
        fetch(source.url, path)
    source.content, source.breaks_after = CONTENT[::-1], None
    fetch(source.url, path)
    assert path.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("etag", ['"second"', 'W/"first"', ""])
def test_a_source_that_ignores_the_etag_is_found_out(source, path, etag):
    left_over(path, CONTENT[:1000])
    source.content, source.etag, source.heeds_etag = CONTENT[::-1], etag, False
    fetch(source.url, path)
    assert path.read_bytes() == CONTENT[::-1]
    assert source.requests == [("bytes=1000-", 206), (None, 200)]


def test_a_length_that_is_too_short_is_no_whole_file(source, path):
    left_over(path, CONTENT[:1000])
    source.short_length = True
    with pytest.raises(ConnectionError, match=r"broke after 0\.2 MB \(the source announced 0\.3 MB\)"):
        fetch(source.url, path)
    assert not path.exists()


def test_a_part_that_nobody_asked_for_is_no_file(source, path):
    source.unasked = True
    with pytest.raises(ConnectionError, match="the source sent a part that was not requested"):
        fetch(source.url, path)
    assert not path.exists()


def test_stopped_between_the_old_file_and_the_new(source, path, monkeypatch):
    left_over(path, b"x" * 1000, '"old"')

    def stop(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "tqdm", stop)  # after the new tag is written, before a byte is
    with pytest.raises(KeyboardInterrupt):
        fetch(source.url, path)
    monkeypatch.undo()
    fetch(source.url, path)
    assert path.read_bytes() == CONTENT


def test_a_source_that_cannot_resume_sends_it_all(source, path):
    source.breaks_after = 1000
    with pytest.raises(ConnectionError):
        fetch(source.url, path)
    source.breaks_after, source.ranges = None, False
    fetch(source.url, path, SHA256)
    assert source.requests[-1] == ("bytes=1000-", 200)
    assert path.read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_not_glued_to_the_old_one(source, path):
    source.breaks_after = 1000
    with pytest.raises(ConnectionError):
        fetch(source.url, path)
    source.content, source.etag, source.breaks_after = CONTENT[::-1], '"second"', None
    fetch(source.url, path)
    assert path.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("too_long", [False, True])
def test_a_partial_file_that_does_not_fit_is_dropped(source, path, too_long):
    left_over(path, b"x" * (400_000 if too_long else 500))
    source.lies_about_start = not too_long  # a 206 for another range is no continuation
    fetch(source.url, path, SHA256)
    assert path.read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing_behind(source, path):
    source.content = CONTENT + b"!"
    with pytest.raises(ValueError, match=rf"the SHA-256 of the download is .*, but the card says {SHA256}") as caught:
        fetch(source.url, path, SHA256)
    assert source.url in str(caught.value)
    assert not path.exists()
    assert not path.with_name("file.zip.part").exists()


def test_an_address_that_is_gone(source, path):
    with pytest.raises(
        ConnectionError, match=r"answered 404 .*may have moved\. See http://home, or download .*by hand"
    ):
        fetch(source.url + "/gone", path, homepage="http://home")


def test_no_network_at_all(path):
    with pytest.raises(ConnectionError, match=r"no answer from http://127\.0\.0\.1:9/x: .*Check the connection"):
        fetch("http://127.0.0.1:9/x", path)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "www.home/x.zip"])
def test_only_addresses_of_the_web(path, url):
    with pytest.raises(ValueError, match="is not an address to download from: it begins with https:// or http://"):
        fetch(url, path)
    assert not path.parent.exists()


def test_a_full_disk_keeps_what_came(source, path, monkeypatch):
    monkeypatch.setattr(fetching, "CHUNK", 50_000)
    monkeypatch.setattr(fetching, "tqdm", FullDisk)
    with pytest.raises(
        OSError, match=r"the disk is full after 0\.1 MB of file\.zip; .*\.part is kept: free space"
    ) as caught:
        fetch(source.url, path)
    assert caught.value.errno == errno.ENOSPC
    assert not path.exists()
    monkeypatch.undo()
    fetch(source.url, path, SHA256)
    assert source.requests[-1][1] == 206
    assert path.read_bytes() == CONTENT


class FullDisk:
    """Takes the place of the progress bar, which is called after every chunk."""

    def __init__(self, **_):
        self.chunks = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def update(self, _):
        self.chunks += 1
        if self.chunks == 2:
            raise OSError(errno.ENOSPC, "No space left on device")


def test_no_bar_where_nobody_watches(source, path, capsys):
    fetch(source.url, path)
    assert capsys.readouterr() == ("", "")
