"""Downloads against a server on this machine: whole, resumed, broken, wrong, full disk; archives that misbehave."""

import bz2
import errno
import gzip
import hashlib
import io
import lzma
import os
import tarfile
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from segnet_lab.data import download, load_dataset
from segnet_lab.data.cards import Download, load_card
from segnet_lab.data.download import fetch, get, unpack

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Source:
    """One file on a server, and how the server behaves."""

    content: bytes = CONTENT
    etag: str = '"first"'
    ranges: bool = True  # answers Range requests
    length: bool = True  # announces Content-Length; otherwise in chunks
    breaks_after: int | None = None  # bytes of a reply after which the line goes dead
    lies_about_start: bool = False  # a 206 that starts elsewhere
    heeds_etag: bool = True  # honours If-Range
    short_length: bool = False  # announces, and sends, half of what is left
    unasked: bool = False  # answers 206 to whoever asks for everything
    requests: list = field(default_factory=list)  # (Range header, status)
    url: str = ""


@pytest.fixture
def source():
    source = Source()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            if self.path != "/file":
                self.send_error(404)
                return
            wanted, start, status = self.headers.get("Range"), 0, 200
            same = self.headers.get("If-Range", source.etag) == source.etag or not source.heeds_etag
            if wanted and source.ranges and same:
                start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
            if start >= len(source.content):
                status = 416
            if source.unasked:
                start, status = 7, 206
            source.requests.append((wanted, status))
            self.send_response(status)
            self.send_header("ETag", source.etag)
            if status == 416:
                self.send_header("Content-Range", f"bytes */{len(source.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if status == 206:
                start = 7 if source.lies_about_start else start
                self.send_header("Content-Range", f"bytes {start}-{len(source.content) - 1}/{len(source.content)}")
            body = source.content[start:]
            if source.short_length:
                body = body[: len(body) // 2]
            if source.length:
                self.send_header("Content-Length", str(len(body)))
            else:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            sent = body[: source.breaks_after]
            if source.length:
                self.wfile.write(sent)
            else:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent))
                if source.breaks_after is None:
                    self.wfile.write(b"0\r\n\r\n")
            if source.breaks_after is not None:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    source.url = f"http://127.0.0.1:{server.server_port}/file"
    yield source
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "file.zip"


def only(path):
    """Nothing else lies beside the file."""
    return [p.name for p in path.parent.iterdir()] == [path.name]


# ---- one file


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
    with pytest.raises(ConnectionError, match=r"broke after 0\.1 MB .*: run this again\. It will begin anew"):
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
    with pytest.raises(ConnectionError, match=r"broke after 0\.2 MB \(0\.3 MB were announced\)"):
        fetch(source.url, path)
    assert not path.exists()


def test_a_part_that_nobody_asked_for_is_no_file(source, path):
    source.unasked = True
    with pytest.raises(ConnectionError, match="a part came that nobody had asked for"):
        fetch(source.url, path)
    assert not path.exists()


def test_stopped_between_the_old_file_and_the_new(source, path, monkeypatch):
    left_over(path, b"x" * 1000, '"old"')

    def stop(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "tqdm", stop)  # after the new tag is written, before a byte is
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
    with pytest.raises(ValueError, match=rf"the SHA-256 of what came is .*, but the card says {SHA256}") as caught:
        fetch(source.url, path, SHA256)
    assert source.url in str(caught.value)
    assert not path.exists()
    assert not path.with_name("file.zip.part").exists()


def test_an_address_that_is_gone(source, path):
    with pytest.raises(ConnectionError, match=r"answered 404 .*may have moved\. See http://home, or put .*by hand"):
        fetch(source.url + "/gone", path, homepage="http://home")


def test_no_network_at_all(path):
    with pytest.raises(ConnectionError, match=r"no answer from http://127\.0\.0\.1:9/x: .*Check the connection"):
        fetch("http://127.0.0.1:9/x", path)


def test_a_full_disk_keeps_what_came(source, path, monkeypatch):
    monkeypatch.setattr(download, "CHUNK", 50_000)
    monkeypatch.setattr(download, "tqdm", FullDisk)
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


# ---- archives


def make_zip(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as pack:
        pack.mkdir("repo")
        for name, content in files.items():
            pack.writestr(name, content)
    return path


def make_tar(path, files, mode="w:gz"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as pack:
        folder = tarfile.TarInfo("repo")
        folder.type = tarfile.DIRTYPE
        pack.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            pack.addfile(info, io.BytesIO(content))
    return path


FILES = {
    "repo/CamVid/train.txt": b"list",
    "repo/CamVid/train/a.png": b"a",
    "repo/README.md": b"no",
}
MAKERS = pytest.mark.parametrize("make", [make_zip, make_tar])


@MAKERS
def test_unpacking_takes_one_folder_without_its_name(path, tmp_path, make):
    archive = make(path, FILES)
    files = unpack(archive, tmp_path / "out", take="repo/CamVid")
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in files) == ["train.txt", "train/a.png"]
    assert (tmp_path / "out" / "train" / "a.png").read_bytes() == b"a"
    assert not (tmp_path / "out" / "README.md").exists()


@MAKERS
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", r"..\evil", r"C:\evil"])
def test_a_member_that_points_outside_is_refused(path, tmp_path, make, name):
    archive = make(path, {"good": b"1", name: b"2"})
    with pytest.raises(ValueError, match=r"file\.zip is not safe: its member .*evil.* points outside"):
        unpack(archive, tmp_path / "out")
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(path, tmp_path, kind):
    path.parent.mkdir()
    with tarfile.open(path, "w") as pack:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, "/etc/passwd"
        pack.addfile(info)
    with pytest.raises(ValueError, match="'link' is a link or a device"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out" / "link").exists()


@MAKERS
def test_a_damaged_archive_leaves_no_half_file(path, tmp_path, make):
    archive = make(path, {"a": CONTENT})
    content = bytearray(archive.read_bytes())
    content[5000:5100] = bytes(100)
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"file\.zip is damaged .*: delete it and run this again"):
        unpack(archive, tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("cut", [3000, 1600, 1536])  # in what b holds, in its header, before it
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_tar_that_breaks_off(path, tmp_path, pack, cut):
    whole = make_tar(path, {"a": b"1" * 100, "b": b"2" * 1000}, "w").read_bytes()  # headers and blocks of 512 bytes
    path.write_bytes(pack(whole[:cut]))
    with pytest.raises(ValueError, match=r"file\.zip is damaged .*: delete it and run this again"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_compressed_tar_that_is_damaged(path, tmp_path, mode):
    content = bytearray(make_tar(path, {"a": CONTENT}, mode).read_bytes())
    content[100_000:100_100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"file\.zip is (damaged|neither) .*: delete it and run this again"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("field", "value", "message"), [("flag_bits", 1, "encrypted"), ("compress_type", 99, "compression")]
)
def test_a_zip_that_cannot_be_read_here(path, tmp_path, field, value, message):
    make_zip(path, {"a": b"1"})
    place = {"flag_bits": 0, "compress_type": 2}[field]
    content = bytearray(path.read_bytes())
    for header, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # of the member a, the second one
        content[content.rindex(header) + offset + place] = value
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"file\.zip is damaged \(.*{message}.*\): delete it"):
        unpack(path, tmp_path / "out")


def test_what_is_no_archive(path, tmp_path):
    path.parent.mkdir()
    path.write_text("<html>Sorry</html>")
    with pytest.raises(ValueError, match="neither a zip nor a tar archive: delete it"):
        unpack(path, tmp_path)
    with pytest.raises(ValueError, match="holds no file below repo/Cam"):
        unpack(make_zip(path, FILES), tmp_path, take="repo/Cam")


# ---- get: a data set from its card


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def camvid_source(source, monkeypatch, path):
    """The card of CamVid, with its address on this machine and two images."""
    files = {"top/CamVid/train.txt": b"", "top/Models/x.prototxt": b"not wanted"}
    for i in range(2):
        files["top/CamVid/train.txt"] += f"/SegNet/CamVid/train/{i}.png /SegNet/CamVid/trainannot/{i}.png\n".encode()
        files[f"top/CamVid/train/{i}.png"] = png(np.zeros((4, 5, 3)))
        files[f"top/CamVid/trainannot/{i}.png"] = png(np.full((4, 5), i))
    source.content = make_zip(path, files).read_bytes()
    path.unlink()
    card = load_card("camvid")
    card = type(card)(
        **{**vars(card), "downloads": (Download(source.url, "camvid.zip", take="top/CamVid"),), "splits": {"train": 2}}
    )
    for module in ("download", "ondisk"):
        monkeypatch.setattr(f"segnet_lab.data.{module}.load_card", lambda name: card)
    return source


def test_get_then_load_and_not_twice(camvid_source, tmp_path):
    got = get("camvid", tmp_path / "camvid")
    assert f"SHA-256 {hashlib.sha256(camvid_source.content).hexdigest()} (the card has none" in str(got)
    assert "camvid.zip: 5 files unpacked" in str(got)
    data = load_dataset("camvid", root=tmp_path / "camvid")
    assert [int(data[i].label[0, 0]) for i in range(2)] == [0, 1]
    again = get("camvid", tmp_path / "camvid")
    assert "already here, 5 files" in str(again)
    assert len(camvid_source.requests) == 1
    (tmp_path / "camvid" / "train" / "1.png").unlink()
    get("camvid", tmp_path / "camvid")
    assert (tmp_path / "camvid" / "train" / "1.png").is_file()


@pytest.mark.parametrize("content", [b"", b"half"])
@pytest.mark.parametrize("file", ["train/1.png", "train.txt"])
def test_get_notices_a_file_that_lost_its_content(camvid_source, tmp_path, file, content):
    get("camvid", tmp_path / "camvid")
    whole = (tmp_path / "camvid" / file).read_bytes()
    (tmp_path / "camvid" / file).write_bytes(content)
    assert "5 files unpacked" in str(get("camvid", tmp_path / "camvid"))
    assert (tmp_path / "camvid" / file).read_bytes() == whole


@pytest.mark.parametrize(
    "note", [b"", b"{", b"[]", b"\xff", b'{"sha256": "x"}', b'{"sha256": null, "unpacked": {}}', b'{"unpacked": ["a"]}']
)
def test_get_with_a_damaged_note_begins_anew(camvid_source, tmp_path, note):
    get("camvid", tmp_path / "camvid")
    (tmp_path / "camvid" / ".camvid.zip.json").write_bytes(note)
    assert "5 files unpacked" in str(get("camvid", tmp_path / "camvid"))
    assert "already here, 5 files" in str(get("camvid", tmp_path / "camvid"))


def test_get_to_a_folder_at_home(camvid_source, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert get("camvid", "~/sets").root == tmp_path / "sets"
    assert len(load_dataset("camvid", root="~/sets")) == 2


def test_get_goes_to_the_data_folder(camvid_source, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_DATA", str(tmp_path / "sets"))
    assert get("camvid").root == tmp_path / "sets" / "camvid"
    assert len(load_dataset("camvid")) == 2


def test_an_archive_put_there_by_hand_is_used(camvid_source, tmp_path):
    (tmp_path / "camvid.zip").write_bytes(camvid_source.content)
    get("camvid", tmp_path)
    assert camvid_source.requests == []
    assert len(load_dataset("camvid", root=tmp_path)) == 2


def test_a_full_disk_while_unpacking_keeps_the_archive(camvid_source, tmp_path, monkeypatch):
    replace = os.replace

    def full(draft, target):
        if str(target).endswith("1.png"):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(draft, target)

    monkeypatch.setattr("segnet_lab._support.files.os.replace", full)
    with pytest.raises(OSError, match="the disk is full"):
        get("camvid", tmp_path / "camvid")
    assert (tmp_path / "camvid" / "camvid.zip").is_file()
    assert not (tmp_path / "camvid" / "train" / "1.png").exists()
    monkeypatch.setattr("segnet_lab._support.files.os.replace", replace)
    get("camvid", tmp_path / "camvid")
    assert len(camvid_source.requests) == 1
    assert len(load_dataset("camvid", root=tmp_path / "camvid")) == 2


@pytest.mark.parametrize(("name", "why"), [("roadscenes", "made here"), ("folder", "your own")])
def test_what_has_no_source(name, why):
    with pytest.raises(ValueError, match=f"nothing to download for {name}: it is {why}"):
        get(name)
