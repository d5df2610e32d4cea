"""Archives: what is taken of them, and what is refused."""

import bz2
import gzip
import io
import lzma
import tarfile

import pytest

from segnet_lab.data.unpacking import unpack
from tests.data.server import CONTENT, make_zip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "file.zip"


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
