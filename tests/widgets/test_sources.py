"""What our pages share is written once, and read first."""

from pathlib import Path

from segnet_lab import widgets
from segnet_lab.widgets.sources import script, style

SOURCES = Path(widgets.__file__).parent


def test_the_helper_that_makes_elements_is_shared():
    modules = {file.name: file.read_text() for file in SOURCES.glob("*.js")}
    assert [name for name, text in modules.items() if "function h(" in text] == ["shared.js"]
    assert [name for name, text in modules.items() if "createElement(" in text] == ["shared.js"]


def test_shared_files_come_first():
    assert script("kernel.js", "picker.js").index("function h(") < script("kernel.js", "picker.js").index("PATIENCE")
    assert style("pixel_view.css").index("--") < len((SOURCES / "theme.css").read_text())
