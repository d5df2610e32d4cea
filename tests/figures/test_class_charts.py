import numpy as np
import pandas as pd
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from segnet_lab import paper
from segnet_lab._support.folders import shipped
from segnet_lab.figures import class_charts
from segnet_lab.figures.class_charts import bars_by_size, class_dots, dots_by_class, stacked_shares
from segnet_lab.figures.style import COLOURS

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


def dots(axes):
    """Colour of a dot -> its places (value, row), rows from the top."""
    found = {}
    for collection in axes.collections:
        if isinstance(collection, PathCollection):
            for place, colour in zip(collection.get_offsets().tolist(), collection.get_facecolors(), strict=True):
                found.setdefault(to_hex(colour), []).append(tuple(place))
    return found


WEIGHTS = pd.DataFrame({"median": [0.5, 2.0], "published": [0.25, np.nan]}, index=["Sky", "Pole"])


def test_dots_lie_in_the_line_of_their_class():
    figure = dots_by_class(WEIGHTS, "Class weights")
    (axes,) = figure.axes
    assert dots(axes) == {COLOURS[0]: [(0.5, 0), (2, 1)], COLOURS[1]: [(0.25, 0)]}  # nan leaves the dot out
    assert names(axes) == ["Sky", "Pole"]
    assert axes.get_ylim() == (1.5, -0.5)  # the first class on top
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["median", "published"]
    assert axes.get_legend() is None
    lines = axes.collections[0].get_segments()
    assert [line[:, 0].tolist() for line in lines] == [[0.25, 0.5], [2, 2]]


def test_dots_on_a_logarithmic_axis():
    (axes,) = dots_by_class(WEIGHTS, "", log=True).axes
    assert axes.get_xscale() == "log"
    assert axes.xaxis.get_major_formatter()(0.1) == "0.1"


def test_markers_differ_for_those_who_see_no_colours():
    (axes,) = dots_by_class(WEIGHTS.fillna(1), "").axes
    (series,) = (c for c in axes.collections if len(c.get_paths()) > 2)
    assert len({len(path.vertices) for path in series.get_paths()}) == 2


def test_a_panel_each_for_ours_and_the_papers():
    ours, papers = WEIGHTS * 10, WEIGHTS[["median"]].iloc[::-1] * 20
    figure = class_dots({"ours": ours, "the paper's": papers})
    assert [axes.get_title("left") for axes in figure.axes] == ["ours", "the paper's"]
    assert dots(figure.axes[1]) == {COLOURS[0]: [(10, 0), (40, 1)]}  # in the order of the first panel
    assert [[t.get_text() for t in axes.get_legend().get_texts()] for axes in figure.axes] == [
        ["median", "published"],
        ["median"],
    ]
    assert names(figure.axes[0]) == ["Sky", "Pole"]


def test_bars_of_a_whole_are_as_long_as_each_other():
    table = pd.DataFrame({"Sky": [30, 1], "Pole": [10, 0]}, index=["pixels", "loss"])
    (axes,) = stacked_shares(table, [[0, 0, 0], [255, 255, 255]]).axes
    spans = [(bar.get_y() + 0.4, bar.get_x(), bar.get_width()) for bar in axes.patches]
    np.testing.assert_allclose(spans, [(0, 0, 0.75), (1, 0, 1), (0, 0.75, 0.25), (1, 1, 0)], atol=1e-12)
    assert [text.get_text() for text in axes.texts] == ["Sky\n75 %", "Sky\n100 %", "Pole\n25 %"]
    assert axes.texts[0].get_color() == "white"  # on black
    assert axes.texts[2].get_color() != "white"


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_class_dots_keep_each_panel_to_its_own_numbers():
    ours = pd.DataFrame({"forest": [80.0, 10.0]}, index=["Pole", "Sky"])  # another order of rows
    paper = pd.DataFrame({"Boosting": [91.1, 25.8], "SegNet": [96.1, np.nan]}, index=["Sky", "Pole"])
    figure = class_charts.class_dots({"the paper's": paper, "ours": ours})
    left, right = figure.axes
    dots = [np.concatenate([dots.get_offsets() for dots in axes.collections[1:]]).tolist() for axes in (left, right)]
    assert sorted(map(tuple, dots[0])) == [(25.8, 1), (91.1, 0), (96.1, 0)]  # and none for nan
    assert sorted(map(tuple, dots[1])) == [(10, 0), (80, 1)]
    assert [label.get_text() for label in left.get_yticklabels()] == ["Sky", "Pole"]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["forest"]


def test_against_share_leaves_out_what_never_occurs():
    table = pd.DataFrame({"share": [0.2, 0.0, 0.01, 0.1], "value": [1.0, 2, 3, np.nan]}, index=list("abcd"))
    (axes,) = class_charts.against_share({"ours": table}, "accuracy", zero=True).axes
    assert axes.collections[0].get_offsets().tolist() == [[20, 1], [1, 3]]
    assert texts(axes) == ["a", "c"]
    assert axes.get_xscale() == "log"


def test_names_of_points_at_one_place_do_not_overlap():
    table = pd.DataFrame({"share": 3 * [0.1], "value": 3 * [5.0]}, index=["Wall", "Floor", "Bed"])
    (axes,) = class_charts.against_share({"": table}, "accuracy").axes
    axes.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
