"""Commands that run and serve lessons: demo, lessons, notebooks, sweep, playground, classroom."""

from pathlib import Path

import click

from segnet_lab.cli.options import AT_LEAST_ONE, FILE, FOLDER
from segnet_lab.cli.shown import Command


@click.command(cls=Command)
@click.option("--epochs", type=AT_LEAST_ONE, default=16, show_default=True, help="Epochs of each network.")
@click.option("--open", "lab", is_flag=True, help="Open the notebooks in JupyterLab afterwards.")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page in a browser.")
def demo(epochs: int, lab: bool, browser: bool) -> None:
    """Train a few ways of decoding on scenes made here, and show them in one page. Minutes on a laptop."""
    from segnet_lab.lessons.demo import run_demo

    run_demo(epochs=epochs, open_lab=lab, open_page=browser)


@click.command(cls=Command)
@click.argument("folder", metavar="DIR", type=FOLDER)
def lessons(folder: str) -> None:
    """Copy the lessons to DIR, to work in. What is there already stays as it is."""
    from segnet_lab.lessons.copies import copy_lessons

    copied = copy_lessons(folder)
    click.echo(f"{len(copied.written)} files copied to {copied.folder}, solutions in {copied.folder / 'solutions'}")
    if copied.kept:
        click.echo(f"{len(copied.kept)} were there already and stay as they are")
    click.echo(f"Begin with:\n\n    jupyter lab {copied.folder / '00_start_here.ipynb'}")


@click.command(cls=Command)
@click.argument("name", required=False)
@click.option("-p", "--parameter", nargs=2, multiple=True, metavar="KEY VALUE", help="Set a parameter; repeatable.")
@click.option("-o", "--output", type=FILE, help="Executed notebook [runs/notebooks/NAME.ipynb].")
@click.option("--refresh", is_flag=True, help="For authors: put fresh outputs into the notebook itself.")
def notebooks(name: str | None, parameter: tuple[tuple[str, str], ...], output: str | None, refresh: bool) -> None:
    """Run the lesson NAME from top to bottom; without a name, list the lessons and their parameters."""
    from segnet_lab.lessons import notebooks
    from segnet_lab.lessons.parameters_cell import parse_parameters

    if refresh:
        if name is None or parameter or output:
            raise click.UsageError("--refresh takes a NAME, and neither parameters nor an output")
        from segnet_lab.lessons.refreshing import refresh as run_afresh

        click.echo(f"refreshed: {run_afresh(name)}")
        return

    if name is None:
        for lesson in notebooks.list_notebooks():
            click.echo(lesson)
            for p in notebooks.parameters(lesson).values():
                click.echo(f"    {p.name}: {p.type} = {p.default!r}  {p.help}")
        return
    click.echo(f"executed: {notebooks.run_notebook(name, parse_parameters(parameter), output)}")


@click.command(cls=Command)
@click.argument("name")
@click.option(
    "-g",
    "--grid",
    nargs=2,
    multiple=True,
    required=True,
    metavar="KEY A,B,C",
    help="Values of a parameter; separate lists by semicolons. Repeatable.",
)
@click.option("-o", "--folder", type=FOLDER, default="runs/sweep", show_default=True, help="Executed notebooks.")
@click.option("-j", "--jobs", type=AT_LEAST_ONE, default=1, show_default=True, help="Notebooks at a time.")
def sweep(name: str, grid: tuple[tuple[str, str], ...], folder: str, jobs: int) -> None:
    """Run the lesson NAME for every combination of parameter values."""
    from segnet_lab.lessons.sweeps import parse_grid
    from segnet_lab.lessons.sweeps import sweep as run_sweep

    results = run_sweep(name, parse_grid(name, grid), folder, jobs)
    for output, error in results.items():
        click.echo(f"{'failed' if error else 'done  '}  {output}")
    if any(results.values()):
        raise click.ClickException("\n".join(str(error) for error in results.values() if error))


@click.command(cls=Command)
@click.option("--out", type=FILE, default="playground.html", show_default=True, help="The file.")
def playground(out: str) -> None:
    """Write the playground as one HTML file that opens offline."""
    from segnet_lab.widgets.playground import write_playground_html

    click.echo(Path(write_playground_html(out)).resolve())


@click.command(cls=Command)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for a room's network."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8866, show_default=True, help="0 takes any free one.")
@click.option("--runs", default="roadscenes", show_default=True, help="The set of runs that the widgets look into.")
@click.option("--yes", is_flag=True, help="Open it to the network without asking.")
@click.option("--stop", is_flag=True, help="Close what is open.")
def classroom(host: str, port: int, runs: str, yes: bool, stop: bool) -> None:
    """Serve the lessons and widgets as apps without code cells, to this computer or to a room."""
    from segnet_lab.lessons import classroom as room

    if stop:
        count = room.stop()
        click.echo(f"closed: {count}" if count else "no classroom is open")
        return
    if room.warning(host):
        click.echo(room.warning(host))
        if not yes:
            click.confirm("Open it?", abort=True)
    room.serve(host, port, runs, say=click.echo)
