"""Files are written whole or not at all, and what is left behind is nothing."""

import errno
import json
import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnet_lab._support import files
from segnet_lab._support.files import atomic, finite, write_json, write_text

REASONS = [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "your quota of the disk is used up")]


def test_the_file_appears_when_all_went_well(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic(path) as draft:
        draft.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert os.listdir(path.parent) == ["a.txt"]


def test_after_an_error_the_old_file_stands_and_no_draft(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def half():
        with atomic(path) as draft:
            draft.write_text("ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(("number", "said"), REASONS)
@pytest.mark.parametrize("before", [None, "old"])
@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_what_is_full_is_said(tmp_path, monkeypatch, number, said, before, where):
    path = tmp_path / "a.txt"
    if before:
        path.write_text(before)

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    owner = {"write": (Path, "write_text"), "fsync": (files.os, "fsync"), "replace": (files.os, "replace")}[where]
    with monkeypatch.context() as patch:
        patch.setattr(*owner, fail)
        with pytest.raises(OSError, match=re.escape(f"{said}: could not write {path}; ")) as caught:
            write_text(path, "new")
    assert caught.value.errno == number
    assert ("what it held before is untouched" if before else "nothing was written") in str(caught.value)
    assert [file.read_text() for file in tmp_path.iterdir()] == ([before] if before else [])


def test_another_error_of_the_disk_stays_what_it_is(tmp_path, monkeypatch):
    def fail(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(PermissionError, match="Permission denied"):
        write_text(tmp_path / "a.txt", "new")
    assert os.listdir(tmp_path) == []


def test_it_is_on_the_disk_before_it_replaces_anything(tmp_path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(files.os, "fsync", lambda file: calls.append("fsync") or fsync(file))
    monkeypatch.setattr(files.os, "replace", lambda *paths: calls.append("replace") or replace(*paths))
    write_text(tmp_path / "a.txt", "new")
    assert calls == ["fsync", "replace"]


def test_two_that_write_at_once_share_no_draft(tmp_path):
    path, ready = tmp_path / "a.txt", threading.Barrier(8, timeout=30)

    def write(letter):
        with atomic(path) as draft:
            draft.write_text(letter * 1000)
            ready.wait()  # all drafts are written before the first takes the place of the file

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(path.read_text())) == 1
    assert len(path.read_text()) == 1000
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    code = f"""
import os
from segnet_lab._support.files import atomic
with atomic({str(path)!r}) as draft:
    draft.write_text("ha")
    os._exit(1)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 1
    assert path.read_text() == "old"
    write_text(path, "new")  # what the other left is not in the way
    assert path.read_text() == "new"
    assert not list(tmp_path.rglob("*.txt*"))[1:]


@pytest.mark.skipif(os.name == "nt", reason="rights as Unix has them")
def test_others_may_read_it_as_they_may_read_any_file(tmp_path):
    write_text(tmp_path / "a.txt", "x")
    (tmp_path / "b.txt").write_text("x")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == stat.S_IMODE((tmp_path / "b.txt").stat().st_mode)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
        lambda children: st.lists(children) | st.dictionaries(st.text(), children),
        max_leaves=10,
    )
)
def test_json_has_no_number_that_readers_do_not_know(content):
    def refuse(word):
        raise AssertionError(word)

    again = json.loads(json.dumps(finite(content), allow_nan=False), parse_constant=refuse)
    assert again == finite(content)


def test_json_as_it_stands_in_the_file(tmp_path):
    write_json(tmp_path / "a.json", {"größe": (1, float("nan"))})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "größe": [\n    1,\n    null\n  ]\n}\n'
