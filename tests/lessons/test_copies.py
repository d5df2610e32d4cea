"""A copy to work in: what a student has written there is never replaced."""

from segnet_lab._support.folders import shipped
from segnet_lab.lessons.copies import copy_lessons


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_lessons_solutions_and_guides_are_copied_as_they_are(tmp_path):
    copied = copy_lessons(tmp_path / "new" / "mine")
    assert copied.folder == tmp_path / "new" / "mine"
    assert copied.kept == ()
    assert {"05_train.ipynb", "solutions/05_train.ipynb", "README.md", "GLOSSARY.md"} <= names(copied.folder)
    assert names(copied.folder) == {path.relative_to(copied.folder).as_posix() for path in copied.written}
    for name in ("05_train.ipynb", "solutions/05_train.ipynb"):
        assert (copied.folder / name).read_bytes() == (shipped("notebooks") / name).read_bytes()


def test_what_is_there_stays(tmp_path):
    answers = tmp_path / "05_train.ipynb"
    answers.write_text("my answers")
    copied = copy_lessons(tmp_path)
    assert copied.kept == (answers,)
    assert answers not in copied.written
    assert answers.read_text() == "my answers"
    assert copy_lessons(tmp_path).written == ()


def test_home_is_written_short(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert copy_lessons("~/mine").folder == tmp_path / "mine"
