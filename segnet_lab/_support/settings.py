"""Every environment variable that the kit reads; nothing else in the package touches the environment.

Each is read when it is asked for, so that a notebook, a test or a job script can set it at any time.
"""

import os
from collections.abc import Iterable
from typing import NamedTuple


class Variable(NamedTuple):
    """An environment variable: its name, what holds without it, and what it does."""

    name: str
    default: str
    meaning: str

    def get(self) -> str:
        """The value now; "" where it is not set."""
        return os.environ.get(self.name, "")


DATA = Variable(
    "SEGNET_LAB_DATA",
    "`datasets/` in a checkout, else `datasets/` in the current directory",
    "folder of data sets, or one data set's own folder",
)
RUNS = Variable(
    "SEGNET_LAB_RUNS",
    "`runs/` in a checkout, else `runs/` in the current directory",
    "where runs are saved and found by name; the demo and executed notebooks go there, too",
)
HEADLESS = Variable(
    "SEGNET_LAB_HEADLESS", "0", "1: no progress bars and no live widgets, as `segnet-lab notebooks` does"
)
NUMBA = Variable("SEGNET_LAB_NUMBA", "1", "0: leave numba alone, with the same results in more time")
TRACEBACK = Variable("SEGNET_LAB_TRACEBACK", "0", "1: every error with its traceback, as `segnet-lab --traceback`")

SETTINGS = (DATA, RUNS, HEADLESS, NUMBA, TRACEBACK)

# What belongs to others, and tells where we are.
CI = Variable("CI", "not set", "set: headless, too")
DISPLAY = Variable("DISPLAY", "not set", "a screen (X11) on which a browser can open")
WAYLAND_DISPLAY = Variable("WAYLAND_DISPLAY", "not set", "a screen (Wayland)")
SSH_CONNECTION = Variable("SSH_CONNECTION", "not set", "set: the user sits at another computer")
SSH_TTY = Variable("SSH_TTY", "not set", "set: the user sits at another computer")
VSCODE_PID = Variable("VSCODE_PID", "not set", "set: the notebook is open in VS Code, whose theme is not JupyterLab's")
JUPYTERLAB_SETTINGS_DIR = Variable("JUPYTERLAB_SETTINGS_DIR", "Jupyter's own", "where JupyterLab keeps its theme")
JUPYTER_PATH = Variable("JUPYTER_PATH", "not set", "where Jupyter looks for kernels and templates besides its own")
PYTHONPATH = Variable("PYTHONPATH", "not set", "where Python looks for modules besides its own")


def environment(changes: dict[str, str] | None = None, without: Iterable[Variable] = ()) -> dict[str, str]:
    """The environment for a process that we start; that of this one stays as it is.

    Parameters
    ----------
    changes : dict, optional
        Variables to set.
    without : iterable of Variable
        Those to leave out.

    Examples
    --------
    >>> environment({HEADLESS.name: "1"})["SEGNET_LAB_HEADLESS"]
    '1'
    """
    left_out = {variable.name for variable in without}
    return {name: value for name, value in os.environ.items() if name not in left_out} | (changes or {})


def table() -> str:
    """The settings as a Markdown table.

    >>> print(table().splitlines()[0])
    | variable | default | meaning |
    """
    rows = [
        ("variable", "default", "meaning"),
        ("---",) * 3,
        *((f"`{s.name}`", s.default, s.meaning) for s in SETTINGS),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
