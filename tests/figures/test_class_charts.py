import numpy as np
import pandas as pd

from segnet_lab import paper
from segnet_lab._support.folders import shipped
from segnet_lab.figures.class_charts import bars_by_size

OURS = pd.DataFrame({"size": [1.0, 10, 0, 100], "value": [20.0, 50, np.nan, 90]}, index=["Lamp", "Bed", "Desk", "Wall"])
PAPER = pd.DataFrame({"size": [2.0, 1], "value": [83.42, 0.0]}, index=["Wall", "Floor mat"])


def names(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_each_panel_goes_from_its_own_large_classes_to_its_small_ones():
    sizes, ours, paper_sizes, paper = bars_by_size({"ours": OURS, "the paper's": PAPER}).axes
    assert names(sizes) == ["Wall", "Bed", "Lamp", "Desk"]
    assert [bar.get_width() for bar in ours.patches] == [90, 50, 20, 0]
    assert [text.get_text() for text in ours.texts] == [" 90", " 50", " 20", " does not occur"]
    assert names(paper_sizes) == ["Wall", "Floor mat"]
    assert [bar.get_width() for bar in paper.patches] == [83.42, 0]
    assert [axes.get_title("left") for axes in (ours, paper)] == ["ours", "the paper's"]


def test_sizes_are_logarithms_and_the_smallest_can_be_seen():
    sizes, _ = bars_by_size({"ours": OURS}).axes
    wall, bed, lamp, desk = (bar.get_width() for bar in sizes.patches)
    np.testing.assert_allclose([wall - bed, bed - lamp], 1)  # 100, 10, 1
    assert lamp > desk == 0
    assert sizes.get_xlim()[0] > sizes.get_xlim()[1]  # they grow to the left


def test_nothing_is_changed():
    before = OURS.copy()
    bars_by_size({"ours": OURS})
    pd.testing.assert_frame_equal(OURS, before)


def test_the_published_weights_of_sun_rgbd_are_of_the_classes_of_table_5():
    weights = pd.read_csv(shipped("datasets") / "sunrgbd" / "class_weights.csv", index_col="class")["weight"]
    assert weights.index.tolist() == paper.table(5)["class"].tolist()
    assert (1 / weights).nlargest(2).index.tolist() == ["Bed", "Wall"]
    assert (1 / weights).idxmin() == "Lamp"
