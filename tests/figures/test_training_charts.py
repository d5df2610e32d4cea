"""Curves of a training: what is drawn of one log, and of several seeds."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from segnet_lab.figures.style import BLUE, COLOURS
from segnet_lab.figures.training_charts import training_course, training_curves

LOG = pd.DataFrame({"epoch": [1, 2, 3], "loss": [2.0, 1.0, 0.5], "G": [0.5, np.nan, 0.75], "mIoU": [0.25, np.nan, 0.5]})


def course(line):
    return line.get_xydata().tolist()


def bands(axes):
    return [collection for collection in axes.collections if isinstance(collection, PolyCollection)]


def test_loss_and_scores_in_percent():
    left, right = training_curves(LOG).axes
    (loss,) = left.get_lines()
    assert course(loss) == [[1, 2], [2, 1], [3, 0.5]]
    assert loss.get_color() == BLUE
    assert [course(line) for line in right.get_lines()] == [[[1, 50], [3, 75]], [[1, 25], [3, 50]]]  # nan is bridged
    assert [line.get_color() for line in right.get_lines()] == list(COLOURS[:2])
    assert [text.get_text() for text in right.texts] == ["mIoU 50", "G 75"]
    assert (left.get_xlabel(), left.get_ylabel(), right.get_xlabel(), right.get_ylabel()) == ("epoch", "", "epoch", "")
    assert not bands(left) + bands(right)


def test_the_epoch_that_was_kept_is_marked():
    left, right = training_curves(LOG, selected=2).axes
    assert [axes.get_lines()[-1].get_xdata() for axes in (left, right)] == [[2, 2], [2, 2]]
    assert left.texts[-1].get_text() == " kept"


def test_several_seeds_are_a_mean_and_a_band_of_one_standard_deviation():
    other = LOG.assign(loss=LOG["loss"] + 1, G=LOG["G"] + 0.1)
    left, right = training_curves(pd.concat([LOG, other])).axes
    assert course(left.get_lines()[0]) == [[1, 2.5], [2, 1.5], [3, 1]]
    (band,) = bands(left)
    # two values 1 apart: standard deviation sqrt(1/2), so the band is sqrt(2) wide
    first = [y for x, y in band.get_paths()[0].vertices if x == 1]
    assert max(first) - min(first) == pytest.approx(2**0.5)
    assert [text.get_text() for text in right.texts] == ["mIoU 50", "G 80"]


def test_an_empty_log_is_refused():
    with pytest.raises(ValueError, match="a log without an epoch has no curve"):
        training_curves(LOG[:0])


def test_the_course_of_ours_above_the_papers():
    ours = {"G": pd.DataFrame({"segnet": [80.0, 90.0], "fcn_basic": [np.nan, 70.0]}, index=[1, 2])}
    papers = {"G": pd.DataFrame({"segnet": [88.8, 90.4]}, index=[40, 80])}
    figure = training_course({"ours": ours, "the paper's": papers}, ["epochs", "thousand iterations"])
    above, below = figure.axes
    assert [axes.get_title("left") for axes in figure.axes] == ["G, ours", "G, the paper's"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["epochs", "thousand iterations"]
    assert [course(line) for line in above.get_lines()] == [[[1, 80], [2, 90]], [[2, 70]]]
    assert above.get_lines()[0].get_color() == below.get_lines()[0].get_color()  # one network, one colour
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["segnet", "fcn basic"]
