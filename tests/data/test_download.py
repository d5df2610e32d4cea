"""A data set from its card: downloaded, unpacked, and not twice."""

import errno
import hashlib
import io
import os

import numpy as np
import pytest
from PIL import Image

from segnet_lab.data import load_dataset
from segnet_lab.data.cards import Download, load_card
from segnet_lab.data.download import get
from tests.data.server import make_zip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "file.zip"


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
