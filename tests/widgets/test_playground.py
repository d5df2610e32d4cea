"""The playground's Python side: what it accepts and refuses, and the page it writes. tests/browser has the rest."""

import re

import numpy as np
import pytest
import torch

from segnet_lab.widgets import Playground, write_playground_html
from segnet_lab.widgets.playground import DECODERS
from segnet_lab.widgets.sources import script, style

GRID = np.arange(20.0).reshape(4, 5)


def test_values_become_rows_of_numbers_whatever_they_were():
    for values in (GRID, GRID.tolist(), torch.tensor(GRID, requires_grad=True), GRID.astype(np.float16)):
        assert Playground(values=values).values == GRID.tolist()


def test_values_can_be_replaced_later():
    playground = Playground()
    playground.values = GRID
    assert playground.values[3] == [15, 16, 17, 18, 19]


def test_a_patch_of_a_feature_map():
    features = torch.arange(600.0).reshape(20, 30)
    assert Playground.from_array(features, at=(2, 3), size=(4, 6)).values == features[2:6, 3:9].tolist()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((0, 0)), "values of 0x0 does not fit: give 4 to 16 rows and columns"),
        (np.zeros((3, 8)), "values of 3x8 does not fit"),
        (np.zeros((8, 17)), "values of 8x17 .* cut a patch with Playground.from_array"),
        (np.zeros((3, 8, 8)), r"values must be one map \(H, W\), got shape \(3, 8, 8\): choose a channel"),
        (np.where(GRID == 7, np.nan, GRID), "values holds nan at row 1, column 2: give finite numbers"),
        (np.where(GRID == 19, -np.inf, GRID), "values holds -inf at row 3, column 4"),
    ],
)
def test_bad_values_are_refused_and_the_good_ones_stay(values, message):
    playground = Playground(values=GRID)
    with pytest.raises(ValueError, match=message):
        playground.values = values
    assert playground.values == GRID.tolist()


def test_other_bad_state_is_refused():
    with pytest.raises(ValueError, match=r"unknown decoder 'bilinea'\. Did you mean 'bilinear'"):
        Playground(decoders=["pooling_indices", "bilinea"])
    with pytest.raises(ValueError, match="one name per lane, A and B: give 2, not 1"):
        Playground(decoders=["bilinear"])
    with pytest.raises(ValueError, match="kernels of 2x3 does not fit: give 3 rows and columns"):
        Playground(kernels=[np.ones((3, 3)), np.ones((2, 3))])
    with pytest.raises(ValueError, match="a patch of 8x8 at row 15, column 0 leaves the array of 20x30"):
        Playground.from_array(np.zeros((20, 30)), at=(15, 0))


def test_results_belong_to_the_browser():
    playground = Playground()
    assert playground.pooled == playground.codes == playground.dense == []
    with pytest.raises(Exception, match="read-only"):
        playground.codes = [1]


def test_default_shows_what_codes_are_for():
    # The pole moves one column every two rows: odd columns 3 and 5 need a code other than top-left.
    values = np.array(Playground().values)
    assert np.argwhere(values == 9).tolist() == [[r, 2 + r // 2] for r in range(8)]


def test_the_page_is_one_file_that_names_no_other_place(tmp_path):
    page = write_playground_html(tmp_path / "new" / "playground.html").read_text(encoding="utf-8")
    assert not re.findall(r"""(?:https?:)?//[\w-]+\.\w+|\b(?:src|href)=(?!"data:)|@import|import\(|fetch\(""", page)
    assert "default-src 'none'" in page  # and the browser would refuse one
    assert page.count("</script>") == 1
    assert page.count("</style>") == 1


def test_both_sides_know_the_same_decoders_and_limits():
    source = script("playground.js")
    assert tuple(re.findall(r"^  (\w+): \{ label:", source, re.MULTILINE)) == DECODERS
    assert "SIZES = [4, 16], LARGEST = 1e6" in source


def test_source_stays_small_as_every_saved_widget_carries_it():
    assert len(script("playground.js")) + len(style("playground.css")) <= 62_000


def test_two_playgrounds_do_not_share_state():
    first, second = Playground(), Playground()
    first.values = GRID
    assert second.values != first.values
