"""The command that measures: bench."""

import subprocess
import sys
from pathlib import Path

import click

from segnet_lab.cli.shown import Command


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure speed and memory on this machine, in a checkout. ARGUMENTS, such as --quick, go to benchmarks/run.py."""
    script = Path(__file__).parents[2] / "benchmarks" / "run.py"
    if not script.is_file():
        raise click.ClickException("benchmarks come with the source, not with the package: clone it, then `make bench`")
    sys.exit(subprocess.call([sys.executable, script, *arguments]))  # noqa: S603  the user's own command line
