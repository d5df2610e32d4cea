"""The form of the lessons. Each rule yields what is wrong with a notebook, and is shown to find a bad one."""

import ast
import builtins
import re
import statistics
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import nbformat
import numpy as np
import papermill
import pytest
import torch

from segnet_lab.lessons.exercises import same
from segnet_lab.lessons.notebooks import find_notebook, list_notebooks, parameters

TYPES = {"int", "float", "str", "bool", "list[int]", "list[float]", "list[str]"}
EXERCISE = re.compile(r"^\*\*(\d)(?:\.| \((?:easy|medium|hard)\))", re.MULTILINE)
MACHINE = re.compile(r"(?<![\w.:/])/(?:home|Users|root|work|tmp|mnt|opt|var)/\w+|\b[A-Z]:\\\w+")
OURS = {"kernelspec", "language_info"}  # all that a refreshed notebook says about itself


class Notebook(NamedTuple):
    path: Path
    content: nbformat.NotebookNode

    @property
    def cells(self) -> list:
        return self.content.cells

    @property
    def code(self) -> list:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def prose(self) -> list:
        return [cell for cell in self.cells if cell.cell_type == "markdown"]


def read(path: Path) -> Notebook:
    return Notebook(path, nbformat.read(path, as_version=4))


def outputs(notebook: Notebook) -> Iterator[tuple[int, dict]]:
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            yield number, output


def lines(cell) -> int:
    return len([line for line in cell.source.splitlines() if line.strip()])


def checks(notebook: Notebook) -> dict[str, list[str]]:
    """Number of an exercise -> names of its checks."""
    found, number = {}, None
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for match in EXERCISE.finditer(cell.source):
                number = match[1]
                found[number] = []
        elif number:
            found[number] += re.findall(r"^check(?:_function)?\(\s*[\"'](.+?)[\"'],", cell.source, re.MULTILINE)
    return found


def names(cells: list, context: type) -> set[str]:
    """What cells define (ast.Store) or use (ast.Load)."""
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell.source))]
    found = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}
    if context is ast.Store:
        found |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        found |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        imported = [a for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for a in node.names]
        found |= {(a.asname or a.name).split(".")[0] for a in imported}
    return found


def printed(notebook: Notebook) -> str:
    return "".join(output.get("text", "") for _, output in outputs(notebook))


# ---------------------------------------------------------------------------------------------- every notebook


def code_is_short(notebook):
    counts = [lines(cell) for cell in notebook.code]
    if max(counts) > 25:
        yield f"a code cell of {max(counts)} lines; 25 is the most"
    if statistics.median(counts) > 8:
        yield f"half of the code cells are longer than {statistics.median(counts)} lines; 8 is the most"


def code_is_no_library(notebook):
    for cell in notebook.code:
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ClassDef):
                yield f"class {node.name} belongs in the library"


def imports_stand_in_one_cell(notebook):
    with_imports = [
        number
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
        and any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(ast.parse(cell.source)))
    ]
    if len(with_imports) != 1:
        yield f"cells {with_imports} import; one should"


def parameters_are_read_by_papermill(notebook):
    try:
        ours = parameters(notebook.path)
    except ValueError as error:
        yield str(error)
        return
    theirs = papermill.inspect_notebook(notebook.path)
    for name, parameter in ours.items():
        if parameter.type not in TYPES:
            yield f"parameter {name} is of type {parameter.type}; plain are {sorted(TYPES)}"
        elif not parameter.help:
            yield f"parameter {name} has no comment"
        if name not in theirs or theirs[name]["inferred_type_name"] != parameter.type:
            yield f"papermill loses parameter {name}"


def data_are_free(notebook):
    tagged = "\n".join(c.source for c in notebook.code if "parameters" in c.metadata.get("tags", []))
    for name in re.findall(r"^dataset.*= [\"'](.*?)[\"']", tagged, re.MULTILINE):
        if name not in ("", "roadscenes", "rooms"):
            yield f"{name!r} may not be shown: the default data set is one that is made here"


def checks_end_quietly(notebook):
    for number, output in outputs(notebook):
        if output.get("data", {}).get("text/plain") in ("True", "False"):
            yield f"cell {number} shows a stray {output.data['text/plain']}: end the line with a semicolon"


def was_run_in_order(notebook):
    counts = [cell.execution_count for cell in notebook.code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"cells were run as {counts}"


def outputs_are_there(notebook):
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or cell.outputs:
            continue
        last = ast.parse(cell.source).body[-1]
        shows = isinstance(last, ast.Expr) and not cell.source.rstrip().endswith(";")
        if shows or re.search(r"^(print|display|check|check_function)\(", cell.source, re.MULTILINE):
            yield f"cell {number} shows something, but its output is missing"


def errors_are_on_purpose(notebook):
    for number, output in outputs(notebook):
        tags = notebook.cells[number].metadata.get("tags", [])
        if output.output_type == "error" and "raises-exception" not in tags:
            yield f"cell {number} stopped with {output.ename}"
        if output.get("name") == "stderr":
            yield f"cell {number} wrote to stderr"


def no_trace_of_the_run(notebook):
    if extra := set(notebook.content.metadata) - OURS:
        yield f"metadata of the notebook: {sorted(extra)}"
    for number, cell in enumerate(notebook.cells):
        if extra := set(cell.metadata) - {"tags"}:
            yield f"metadata of cell {number}: {sorted(extra)}"
    for number, output in outputs(notebook):
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
            yield f"the output of cell {number} is a live widget"


def names_no_machine(notebook):
    texts = [cell.source for cell in notebook.cells]
    texts += [str(o.get("text", o.get("data", {}).get("text/plain", ""))) for _, o in outputs(notebook)]
    for text in texts:
        if match := MACHINE.search(text):
            yield f"path of a machine: {match[0]}"


def is_small(notebook):
    kilobytes = notebook.path.stat().st_size / 1000
    if kilobytes > 700:
        yield f"{kilobytes:.0f} kB; 700 is the most"


def widgets_wait_for_somebody(notebook):
    for number, cell in enumerate(notebook.cells):
        live = r"\binteract\(|widgets\.(explore_|Playground)"
        if cell.cell_type == "code" and re.search(live, cell.source) and "headless()" not in cell.source:
            yield f"cell {number} shows a widget, also when headless"


# ------------------------------------------------------------------------------------------------ every lesson


def lesson_has_a_lessons_length(notebook):
    if not 20 <= len(notebook.cells) <= 45:
        yield f"{len(notebook.cells)} cells; 20 to 45"


def half_is_prose(notebook):
    if len(notebook.prose) < len(notebook.cells) / 2:
        yield f"{len(notebook.prose)} of {len(notebook.cells)} cells are prose; at least half"


def opening_says_what_to_expect(notebook):
    opening = notebook.cells[0].source
    needed = {
        "a question as title": rf"\A# {notebook.path.name[:2]} · .*\?$",
        "the paper's item": r"\b(Tables?|Figs?\.|Sections?|abstract)(?!\w)",
        "learning goals": r"^At the end of this lesson you can\n(\n- (.|\n)*){3,}",
        "minutes": r"^About \d+ minutes\.",
    }
    for what, pattern in needed.items():
        if not re.search(pattern, opening, re.MULTILINE):
            yield f"the opening has no {what}"


def ends_with_summary_and_exercises(notebook):
    headings = re.findall(r"^## (Summary|Exercises)", "\n".join(c.source for c in notebook.prose), re.MULTILINE)
    if headings != ["Summary", "Exercises"]:
        yield f"headings {headings}; a summary, then exercises"


def exercises_check_themselves(notebook):
    found = checks(notebook)
    if list(found) != [str(n) for n in range(1, len(found) + 1)] or not 3 <= len(found) <= 5:
        yield f"exercises {list(found)}; three to five, numbered from 1"
    for number, names in found.items():
        if not names:
            yield f"exercise {number} has no check"
        for name in names:
            if f"{name}: not answered yet" not in printed(notebook):
                yield f"exercise {number}, {name!r}: the lesson should leave it unanswered"


def mistakes_are_mistakes(notebook):
    """As far as they can be computed from the cell alone."""
    for number, cell in enumerate(notebook.code):
        known = {"np": np, "torch": torch}
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.Assign):
                with suppress(Exception):
                    exec(compile(ast.Module([node], []), "cell", "exec"), known)
            for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
                if getattr(call.func, "id", "") == "check":
                    yield from (f"code cell {number}: {said}" for said in right_mistakes(call, known))


def right_mistakes(check: ast.Call, known: dict) -> Iterator[str]:
    """Mistakes of a call that its own tolerance takes for the right answer."""

    def value(node):
        return eval(compile(ast.Expression(node), "cell", "eval"), known)

    options = {keyword.arg: keyword.value for keyword in check.keywords}
    with suppress(Exception):
        expected, rtol = value(check.args[2]), value(options["rtol"]) if "rtol" in options else None
        mistakes = options.get("mistakes", ast.Dict([], []))
        for mistake in map(value, mistakes.keys) if isinstance(mistakes, ast.Dict) else value(mistakes):
            if same(mistake, expected, rtol):
                yield f"the mistake {mistake} counts as the right answer, {expected}"


def solutions_are_right(notebook):
    path = notebook.path.parent / "solutions" / notebook.path.name
    if not path.is_file():
        yield f"no {path.name} in solutions"
        return
    solution = read(path)
    title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
    if not solution.cells[0].source.startswith(f"# Solutions to {title}\n"):
        yield f"the solution is not titled '# Solutions to {title}'"
    if checks(solution) != checks(notebook):
        yield f"exercises {checks(notebook)}, but solutions to {checks(solution)}"
    for names in checks(solution).values():
        for name in names:
            if f"{name}: right" not in printed(solution):
                yield f"the solution of {name!r} is not right"


def solutions_fit_into_the_lesson(notebook):
    path = notebook.path.parent / "solutions" / notebook.path.name
    cells = read(path).cells if path.is_file() else []
    first = next((i for i, cell in enumerate(cells) if EXERCISE.search(cell.source)), 0)
    answers = [cell for cell in cells[first:] if cell.cell_type == "code"]
    known = names(notebook.code, ast.Store) | names(answers, ast.Store) | set(dir(builtins)) | {"display"}
    if unknown := names(answers, ast.Load) - known:
        yield f"the solutions use {sorted(unknown)}, which the lesson does not have"


ALL = [
    code_is_short,
    code_is_no_library,
    imports_stand_in_one_cell,
    parameters_are_read_by_papermill,
    data_are_free,
    checks_end_quietly,
    was_run_in_order,
    outputs_are_there,
    errors_are_on_purpose,
    no_trace_of_the_run,
    names_no_machine,
    is_small,
    widgets_wait_for_somebody,
]
LESSON = [
    *ALL,
    lesson_has_a_lessons_length,
    half_is_prose,
    opening_says_what_to_expect,
    ends_with_summary_and_exercises,
    exercises_check_themselves,
    mistakes_are_mistakes,
    solutions_are_right,
    solutions_fit_into_the_lesson,
]


def complaints(path: Path, rules: list[Callable]) -> dict[str, list[str]]:
    notebook = read(path)
    found = {rule.__name__: list(rule(notebook)) for rule in rules}
    return {name: said for name, said in found.items() if said}


@pytest.mark.parametrize("name", list_notebooks())
def test_lesson(name):
    assert complaints(find_notebook(name), LESSON) == {}


@pytest.mark.parametrize("path", sorted(find_notebook("00").parent.glob("solutions/*.ipynb")), ids=lambda p: p.stem)
def test_solution(path):
    assert complaints(path, ALL) == {}


# -------------------------------------------------------------------------- the rules find what they look for

OPENING = """\
# 99 · How long is a lesson?

*Table 1 of the paper.*

At the end of this lesson you can

- count;
- read;
- write.

About 5 minutes."""


def code(source, *output, tags=()):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})
    cell.outputs = [nbformat.v4.new_output("stream", text=text) for text in output]
    return cell


def text(source):
    return nbformat.v4.new_markdown_cell(source)


def number_the_runs(cells):
    for count, cell in enumerate((c for c in cells if c.cell_type == "code"), start=1):
        cell.execution_count = count


def good_lesson(answers=("...",) * 3, verdict="not answered yet"):
    cells = [text(OPENING), code("from segnet_lab.lessons.exercises import check")]
    cells += [code('dataset: str = "roadscenes"  # made here\ncount: int = 3  # how many', tags=["parameters"])]
    for n in range(5):
        cells += [text("Prose."), code(f"print({n})", f"{n}\n")]
    cells += [text("Prose."), text("Prose."), text("## Summary"), text("## Exercises")]
    for n, answer in enumerate(answers, start=1):
        cells += [text(f"**{n} (easy).** Count."), code(f'check("sum {n}", {answer}, {n});', f"sum {n}: {verdict}")]
    number_the_runs(cells)
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=about)


@pytest.fixture
def write(tmp_path):
    """Writes a good lesson, with its solution, after it was spoilt."""

    def write(spoil=lambda lesson, solution: None) -> Path:
        lesson, solution = good_lesson(), good_lesson("123", "right.")
        solution.cells[0].source = OPENING.replace("# 99", "# Solutions to 99")
        spoil(lesson, solution)
        path = tmp_path / "99_lesson.ipynb"
        (tmp_path / "solutions").mkdir()
        for notebook, place in [(lesson, path), (solution, tmp_path / "solutions" / path.name)]:
            place.write_text(nbformat.writes(notebook))
        return path

    return write


def source(number, new):
    """Spoils the source of a cell."""
    return lambda lesson, _: lesson.cells[number].update(source=new)


def added(*cells):
    def spoil(lesson, _):
        lesson.cells[5:5] = cells
        number_the_runs(lesson.cells)

    return spoil


def output(new):
    return lambda lesson, _: lesson.cells[4].outputs.append(new)


def parameter(line):
    return lambda lesson, _: lesson.cells[2].update(source=line)


def of_solution(number, **new):
    return lambda _, solution: solution.cells[number].update(**new)


ERROR = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
STRAY = nbformat.v4.new_output("execute_result", data={"text/plain": "False"}, execution_count=3)
WIDGET = nbformat.v4.new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}, "text/plain": ""})


def test_a_good_lesson_passes(write):
    assert complaints(write(), LESSON) == {}


@pytest.mark.parametrize(
    ("rule", "spoil", "said"),
    [
        (code_is_short, source(4, "print(0)\n" * 26), "of 26 lines"),
        (code_is_short, lambda n, _: [c.update(source=c.source + "\nx = 1" * 8) for c in n.cells[4::2]], "longer than"),
        (code_is_no_library, source(4, "class Scores:\n    pass"), "class Scores"),
        (imports_stand_in_one_cell, source(4, "import sys\nprint(sys)"), r"cells \[1, 4\] import"),
        (parameters_are_read_by_papermill, parameter("count = 3"), "written `name: type = value`"),
        (parameters_are_read_by_papermill, parameter("count: int = 3"), "count has no comment"),
        (parameters_are_read_by_papermill, parameter("count: set = {3}  # some"), "type set"),
        (parameters_are_read_by_papermill, parameter("count: int = 3  # a = b"), "papermill loses parameter count"),
        (parameters_are_read_by_papermill, lambda n, _: n.cells[2].update(metadata={}), "has 0 cells tagged"),
        (data_are_free, parameter('dataset: str = "camvid"  # the paper\'s'), "'camvid' may not be shown"),
        (checks_end_quietly, output(STRAY), "stray False"),
        (was_run_in_order, lambda n, _: n.cells[4].update(execution_count=9), r"run as \[1, 2, 9, 4"),
        (was_run_in_order, lambda n, _: n.cells[4].update(execution_count=None), r"run as \[1, 2, None, 4"),
        (outputs_are_there, lambda n, _: n.cells[4].update(outputs=[]), "cell 4 shows something"),
        (outputs_are_there, added(text("Prose."), code("1 + 1")), "cell 6 shows something"),
        (errors_are_on_purpose, output(ERROR), "stopped with ValueError"),
        (errors_are_on_purpose, output(nbformat.v4.new_output("stream", name="stderr", text="oh")), "to stderr"),
        (no_trace_of_the_run, lambda n, _: n.metadata.update(papermill={}), "papermill"),
        (no_trace_of_the_run, lambda n, _: n.cells[4].metadata.update(execution={}), "metadata of cell 4"),
        (no_trace_of_the_run, output(WIDGET), "live widget"),
        (names_no_machine, output(nbformat.v4.new_output("stream", text="see /home/ann/x.png")), "/home/ann"),
        (names_no_machine, source(3, r"Look into C:\Users."), r"C:\\Users"),
        (is_small, source(3, "x" * 700_000), "kB; 700"),
        (widgets_wait_for_somebody, source(4, "print(interact(look))"), "cell 4 shows a widget"),
        (lesson_has_a_lessons_length, added(*(text("Prose.") for _ in range(23))), "46 cells; 20 to 45"),
        (half_is_prose, added(*(code(f"x = {n}") for n in range(4))), "13 of 27 cells are prose"),
        (opening_says_what_to_expect, source(0, OPENING.replace("?", "!")), "no a question"),
        (opening_says_what_to_expect, source(0, OPENING.replace("Table 1 of the paper", "")), "no the paper's item"),
        (opening_says_what_to_expect, source(0, OPENING.replace("- write.", "")), "no learning goals"),
        (opening_says_what_to_expect, source(0, OPENING.replace("5 minutes", "an hour")), "no minutes"),
        (ends_with_summary_and_exercises, source(15, "Prose."), "a summary, then"),
        (exercises_check_themselves, source(17, "**7 (easy).** Count."), "numbered from 1"),
        (exercises_check_themselves, source(18, "print(1)"), "exercise 1 has no check"),
        (exercises_check_themselves, lambda n, _: n.cells[18].outputs[0].update(text="sum 1: right"), "unanswered"),
        (mistakes_are_mistakes, source(18, 'check("sum 1", ..., 2.5, mistakes={2.501: "", 3: ""});'), "mistake 2.501"),
        (mistakes_are_mistakes, source(18, 'm = {2: ""}\ncheck("sum 1", ..., 2, mistakes=m);'), "mistake 2 counts"),
        (mistakes_are_mistakes, source(18, 'check("sum 1", ..., 9, mistakes={8: ""}, rtol=0.2);'), "mistake 8 counts"),
        (solutions_are_right, of_solution(18, source='check("total 1", 1, 1);'), "but solutions to"),
        (solutions_are_right, of_solution(0, source="# 99 · How long is a lesson?\n"), "not titled"),
        (solutions_fit_into_the_lesson, of_solution(18, source='check("sum 1", total, 1);'), r"use \['total'\]"),
        (solutions_are_right, of_solution(18, outputs=[]), "solution of 'sum 1' is not right"),
    ],
)  # fmt: skip
def test_finds(write, rule, spoil, said):
    found = complaints(write(spoil), LESSON)
    assert re.search(said, "\n".join(found.pop(rule.__name__)))
    # a spoilt cell may break a rule about exercises as well, but nothing else
    assert not set(found) - {"exercises_check_themselves", "solutions_are_right", "data_are_free"}


def test_finds_a_missing_solution(write):
    path = write()
    (path.parent / "solutions" / path.name).unlink()
    assert complaints(path, LESSON) == {"solutions_are_right": ["no 99_lesson.ipynb in solutions"]}
