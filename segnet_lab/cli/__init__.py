"""The command line: `segnet-lab --help`. Each command imports what it needs when it is run."""

import click

from segnet_lab import __version__
from segnet_lab._support.settings import TRACEBACK
from segnet_lab.cli.benchmarks import bench
from segnet_lab.cli.datasets import data
from segnet_lab.cli.network_runs import evaluate, predict, runs, train, weights
from segnet_lab.cli.shown import Group
from segnet_lab.cli.teaching import classroom, demo, lessons, notebooks, playground, sweep


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("--traceback", is_flag=True, envvar=TRACEBACK.name, help="Show where an error came from.")
def main(traceback: bool) -> None:
    """Teach and analyse pooling-index decoding: SegNet in notebooks, widgets and batch runs."""


COMMANDS: tuple[click.Command, ...] = (
    *(demo, lessons, notebooks, sweep, playground, classroom),
    *(train, evaluate, predict, runs, weights),
    *(data, bench),
)
for command in COMMANDS:
    main.add_command(command)
