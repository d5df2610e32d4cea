"""Commands about data sets: data list, get, check, split."""

import click

from segnet_lab.cli.options import FOLDER, SHARE
from segnet_lab.cli.shown import Group


@click.group(cls=Group)
def data() -> None:
    """Data sets: what there is, getting it, checking it, splitting your own."""


@data.command("list")
def data_list() -> None:
    """Names, classes and licences."""
    from segnet_lab.data import DATASETS
    from segnet_lab.data.cards import load_card

    for name in DATASETS:
        card = load_card(name)
        click.echo(f"{name:15s}{card.num_classes:3d} classes  {card.title}; {card.licence.splitlines()[0]}")


@data.command("get")
@click.argument("name")
@click.option("--root", type=FOLDER, help="Where to put it [SEGNET_LAB_DATA or datasets/].")
def data_get(name: str, root: str | None) -> None:
    """Download NAME from the public source on its card; resumes where it stopped."""
    from segnet_lab.data.download import get

    click.echo(get(name, root))


@data.command("check")
@click.argument("name")
@click.option("--root", type=FOLDER, help="Where it lies, if not in the usual places.")
def data_check(name: str, root: str | None) -> None:
    """Say what of NAME is there, what is missing, which files are broken and what will hurt training."""
    from segnet_lab.data.checking import check

    report = check(name, root)
    click.echo(report)
    if not report.complete:
        raise SystemExit(1)


@data.command("split")
@click.argument("name", metavar="folder")
@click.option("--root", type=FOLDER, required=True, help="The folder that holds card.yaml.")
@click.option("--val", type=SHARE, default=0.2, show_default=True, help="Share of the images that validates.")
@click.option("--test", type=SHARE, default=0.0, show_default=True, help="Share of the images that tests.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same lists."
)
@click.option(
    "--by",
    default="image",
    show_default=True,
    help="prefix keeps images together whose names differ in the number at their end, such as frames of one film.",
)
@click.option("--force", is_flag=True, help="Replace lists that are there.")
def data_split(name: str, root: str, val: float, test: float, seed: int, by: str, force: bool) -> None:
    """Divide your own images at random: writes train.txt, val.txt and test.txt beside the card."""
    from segnet_lab.data.splitting import split_folder

    if name != "folder":
        raise click.UsageError(f"{name} has splits of its own: only 'folder', images of your own, is divided here")
    click.echo(split_folder(root, val=val, test=test, seed=seed, by=by, force=force))
