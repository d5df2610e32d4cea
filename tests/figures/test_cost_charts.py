import numpy as np
import pandas as pd
import pytest

from segnet_lab.figures import cost_charts


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_ratios_divide_each_side_by_its_own_base():
    ours = pd.DataFrame({"ms": [10.0, 5.0], "MB": [1.0, np.nan]}, index=["segnet", "unet"])
    paper = pd.DataFrame({"ms": [422.5, 110.06], "MB": [1052.0, 1993.0]}, index=["segnet", "deeplab"])
    time, memory = cost_charts.ratios(ours, paper, base="segnet", titles={"MB": "memory"}).axes
    mine, theirs = time.collections[:2]
    assert mine.get_offsets()[:2, 0].tolist() == [1, 0.5]
    np.testing.assert_allclose(theirs.get_offsets()[[0, 2], 0], [1, 110.06 / 422.5])
    assert memory.get_title(loc="left") == "memory"
    with pytest.raises(ValueError, match="ours have no row 'fcn'"):
        cost_charts.ratios(ours, paper, base="fcn")


def test_remembered_writes_nothing_where_nothing_is_kept():
    table = pd.DataFrame({"2 bits": [1.32, 0.0], "int64": [42.3, 0.0]}, index=["segnet", "deeplab"])
    (axes,) = cost_charts.remembered(table).axes
    assert texts(axes) == [" 1.32", " nothing", " 42.3", " nothing"]
    lengths = [bar.get_x() + bar.get_width() for bar in axes.patches]
    np.testing.assert_allclose(lengths, [1.32, 1, 42.3, 1])  # the axis begins at 1


def test_alive_while_running_stacks_maps_on_what_is_remembered():
    table = pd.DataFrame({"place": ["stages.0", "decoders.1"], "maps": [3.0, 5], "remembered": [0.0, 2]})
    (axes,) = cost_charts.alive_while_running({"unet": table}).axes
    assert texts(axes) == ["7 MB"]
    whole, below = (patch.get_data() for patch in axes.patches if hasattr(patch, "get_data"))
    assert whole.values.tolist() == [3, 7]
    assert whole.baseline.tolist() == below.values.tolist() == [0, 2]
    assert axes.lines[0].get_xdata() == [1, 1]  # encoder to the left of the dotted line
