"""Documents say what the files say: links lead somewhere, generated numbers are current."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    file
    for pattern in ("*.md", "docs/*.md", "notebooks/*.md", "datasets/*/*.md", "results/**/*.md")
    for file in ROOT.glob(pattern)
)


def links(text: str) -> list[str]:
    """Targets of Markdown links and pictures that are files of ours."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [target for target in targets if not re.match(r"[a-z]+:|#", target)]


def test_links_are_found():
    assert links("![a](b.png) [c](d/e.md#f) [g](https://h.org) [i](#j)\n```\n[k](l)\n```") == ["b.png", "d/e.md#f"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_to_files(document):
    text = document.read_text(encoding="utf-8")
    missing = [target for target in links(text) if not (document.parent / target.split("#")[0]).exists()]
    assert not missing


def test_readme_numbers_are_those_of_the_results():
    spec = importlib.util.spec_from_file_location("documents", ROOT / "tools" / "documents.py")
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    text = readme.README.read_text(encoding="utf-8")
    assert readme.current(text) == text, "run python tools/documents.py"
    for document in readme.DOCUMENTS:
        text_of_it = document.read_text(encoding="utf-8")
        assert readme.current(text_of_it) == text_of_it, f"{document.name}: run python tools/documents.py"
    wrong = text.replace("| segnet_basic |", "| segnet_basic | 99.9 |", 1)
    assert wrong != text
    assert readme.current(wrong) == text
