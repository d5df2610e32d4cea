"""The outputs that are committed with a lesson: made by one clean run, without a trace of the run itself."""

import os
from pathlib import Path

import nbformat

from segnet_lab._support.files import write_text
from segnet_lab.lessons.notebooks import NotebookFailed, find_notebook, run_notebook
from segnet_lab.lessons.parameters_cell import read_notebook


def refresh(notebook: str | os.PathLike[str]) -> Path:
    """Run a notebook with its own parameters and put the outputs into it, without any trace of the run itself.

    Times, versions, widget states and papermill's
    notes are left out, so that a second refresh changes nothing.

    Raises
    ------
    NotebookFailed
        A cell failed or wrote to stderr; the notebook is left as it was.
    """
    path = find_notebook(notebook)
    executed = run_notebook(path)
    fresh = read_notebook(executed)
    for number, cell in enumerate(fresh.cells):
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        cell.id = f"cell-{number}"
        if "outputs" in cell:
            cell.outputs = _joined(cell.outputs)
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise NotebookFailed(f"{path.name}, cell {number} wrote to stderr: {output.text}")
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            output.pop("metadata", None) if output.output_type == "stream" else output.update(metadata={})
    fresh.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    write_text(path, nbformat.writes(fresh) + "\n")
    return path


def _joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Pieces of one stream as one: where a kernel cuts it depends on how busy the machine is."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream" and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined
