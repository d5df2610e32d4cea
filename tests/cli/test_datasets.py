"""Commands about data sets."""

from tests.cli.calls import make_folder, segnet_lab


def test_a_folder_is_split(tmp_path):
    make_folder(tmp_path / "data", "abc")
    arguments = ["data", "split", "folder", "--root", tmp_path / "data", "--val", "0.25", "--test", "0.25"]
    said = segnet_lab(*arguments, fails=True)
    assert "--force" in said
    assert "force=True" not in said
    segnet_lab(*arguments, "--force")
    lists = [(tmp_path / "data" / f"{s}.txt").read_text().split() for s in ("train", "val", "test")]
    assert [len(names) for names in lists] == [4, 2, 2]
    assert len({name for names in lists for name in names}) == 8


def test_data_check_ends_with_the_state_of_the_set(tmp_path):
    make_folder(tmp_path / "data", "abc")
    segnet_lab("data", "check", "folder", "--root", tmp_path / "data")
    (tmp_path / "data" / "labels" / "0.png").write_bytes(b"")
    segnet_lab("data", "check", "folder", "--root", tmp_path / "data", fails=True)


def test_data_list():
    said = segnet_lab("data", "list")
    assert "roadscenes" in said
    assert "11 classes" in said
