"""A training's curves in TensorBoard: `pip install 'segnet-lab[tensorboard]'`, then `tensorboard --logdir runs`."""

import math
import os
from collections.abc import Callable
from pathlib import Path

from segnet_lab._support.errors import NotInstalled
from segnet_lab.runs.directory import RunDirectory


def writer(run_dir: str | os.PathLike[str]) -> Callable[[dict[str, float]], None]:
    """What `train` calls after every epoch, to write its loss and scores for TensorBoard.

    Parameters
    ----------
    run_dir : path
        The event file goes to its folder `tensorboard`. Epochs that were trained before, without it, are written first.

    Returns
    -------
    callable
        Give it to `train(..., on_epoch=writer(run_dir))`. Takes a row of the history; scores that are nan are left out.

    Raises
    ------
    ImportError
        TensorBoard is not installed: says how to.

    Examples
    --------
    >>> train(model, data, run_dir="runs/mine", on_epoch=writer("runs/mine"))      # doctest: +SKIP
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise NotInstalled("TensorBoard is not installed: pip install 'segnet-lab[tensorboard]'") from None
    folder, run = Path(run_dir) / "tensorboard", RunDirectory(run_dir)
    events = None  # a file that is opened with the first epoch: a training that is refused leaves nothing

    def write(row: dict[str, float]) -> None:
        nonlocal events
        rows = [row]
        if events is None:
            if not any(folder.glob("events.*")):
                rows = [*(before for before in run.read_log() if before["epoch"] < row["epoch"]), row]
            events = SummaryWriter(folder)
        for row in rows:
            for name in ("loss", "G", "C", "mIoU", "BF", "seconds"):
                if not math.isnan(row.get(name, math.nan)):
                    events.add_scalar(name, row[name], int(row["epoch"]))
        events.flush()

    return write
