"""What a training says while it runs, and when it is stopped."""

import pytest

from segnet_lab.training.loop import train
from tests.helpers import Squares
from tests.training.small import RECIPE, Interrupt, network


def test_epochs_are_printed_with_their_scores(tmp_path, capsys, monkeypatch):
    for headless in ("1", "0"):
        monkeypatch.delenv("CI", raising=False)
        monkeypatch.setenv("SEGNET_LAB_HEADLESS", headless)
        train(network(), Squares(7), RECIPE, tmp_path / headless, validation=Squares(3, split="val"))
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
        assert len(lines) == 4
        assert all(f"  {name} 0." in lines[-1] for name in ("loss", "G", "mIoU"))


def test_ctrl_c_says_how_to_go_on(tmp_path, capsys):
    for after, said in ((7 + 2 * 14 + 3, "2 of 4 epochs are kept"), (7 + 3, "Stopped before the first epoch")):
        with pytest.raises(KeyboardInterrupt):
            train(network(), Interrupt(7, after), RECIPE, tmp_path / str(after), validation=None)
        assert said in capsys.readouterr().err
