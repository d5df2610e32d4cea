"""A training's curves in TensorBoard: `pip install 'segnet-lab[tensorboard]'`, then `tensorboard --logdir runs`."""

import math
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from segnet_lab.runs import RunDirectory


def writer(run_dir: str | os.PathLike) -> Callable[[dict], None]:
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
        raise ImportError("TensorBoard is not installed: pip install 'segnet-lab[tensorboard]'") from None
    folder = Path(run_dir) / "tensorboard"
    log, begun = RunDirectory(run_dir).log_file, any(folder.glob("events.*"))
    events = SummaryWriter(folder)

    def write(row: dict) -> None:
        for name, value in row.items():
            if name not in ("epoch", "iteration") and not math.isnan(value):
                events.add_scalar(name, value, int(row["epoch"]))
        events.flush()

    if log.exists() and not begun:
        for row in pd.read_csv(log).to_dict("records"):
            write(row)
    return write
