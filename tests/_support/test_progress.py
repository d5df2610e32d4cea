"""A bar where somebody watches, and nothing at all where nobody does."""

import pytest

from segnet_lab._support.progress import bar


@pytest.fixture
def watched(monkeypatch):
    for name in ("CI", "SEGNET_LAB_HEADLESS"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_bar_goes_through_all_and_names_itself(watched, capsys):
    assert list(bar([1, 2, 3], description="scoring")) == [1, 2, 3]
    assert "scoring" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["headless", "not shown"])
def test_a_silent_bar_goes_through_all_the_same(watched, capsys, how):
    if how == "headless":
        watched.setenv("SEGNET_LAB_HEADLESS", "1")
    assert list(bar("abc", show=how == "headless")) == ["a", "b", "c"]
    with bar(total=3, show=how == "headless") as counted:
        counted.update(3)
    assert capsys.readouterr().err == ""
