"""Where things lie: in a checkout beside the package, in an installed wheel inside it."""

from pathlib import Path

from segnet_lab._support.settings import RUNS

_PACKAGE = Path(__file__).parents[1]


def shipped(name: str) -> Path:
    """The folder of cards ("datasets"), lessons ("notebooks") or committed results ("results") of this installation."""
    inside_wheel = _PACKAGE / "_shipped" / name
    return inside_wheel if inside_wheel.is_dir() else _PACKAGE.parent / name


def runs_dir() -> Path:
    """Where runs are saved: SEGNET_LAB_RUNS, else `runs/` in the checkout, else `runs/` in the current directory."""
    if RUNS.get():
        return Path(RUNS.get()).expanduser()
    checkout = _PACKAGE.parent
    return (checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()) / "runs"
