from types import SimpleNamespace

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from segnet_lab.figures import scoring
from segnet_lab.figures.style import INK
from segnet_lab.metrics import boundary_matches

DATA = SimpleNamespace(
    class_names=("Sky", "Road", "Pole"),
    palette=np.array([[128, 128, 128], [128, 64, 128], [192, 192, 128]], np.uint8),
    ignore_index=3,
)


def test_small_masks_frame_what_is_wrong_and_not_void():
    truth = np.array([[0, 0, 2], [1, 3, 2]])
    prediction = np.array([[0, 1, 2], [1, 0, 0]])  # (0, 1) and (1, 2) are wrong; (1, 1) is void
    left, right = scoring.small_masks({"truth": truth, "prediction": prediction}, DATA, truth).axes
    assert [text.get_text() for text in right.texts] == ["0", "1", "2", "1", "0", "0"]
    frames = [p for p in right.patches if isinstance(p, Rectangle)]
    assert [(round(f.get_y() + 0.46), round(f.get_x() + 0.46)) for f in frames] == [(0, 1), (1, 2)]
    assert not left.patches
    assert right.images[0].get_array()[0, 2].tolist() == [192, 192, 128]
    assert left.images[0].get_array()[1, 1].tolist() == [0, 0, 0]


def test_boundaries_count_and_number_the_partners():
    # the example of boundary_matches: one boundary pixel each, two apart
    found = boundary_matches([[0, 0, 0, 1, 1]], [[0, 1, 1, 1, 1]], cls=1, tolerance=2)
    prediction, truth = scoring.boundaries(found).axes
    assert prediction.get_title("left") == "boundary of the prediction: precision 1/1 = 1.00"
    assert [(t.get_text(), t.get_position()) for t in prediction.texts] == [("1", (2, 0))]
    assert [(t.get_text(), t.get_position()) for t in truth.texts] == [("1", (0, 0))]


def test_boundaries_in_two_colours():
    found = boundary_matches([[0, 0, 0, 1, 1]], [[0, 1, 1, 1, 1]], cls=1, tolerance=1)  # too far apart
    prediction, truth = (axes.images[0].get_array()[0] / 255 for axes in scoring.boundaries(found).axes)
    assert prediction[2].tolist() == list(to_rgb(scoring.ORANGE))
    assert truth[0].tolist() == list(to_rgb(scoring.ORANGE))
    found = boundary_matches([[0, 1]], [[0, 1]], cls=1, tolerance=1)
    picture = scoring.boundaries(found, region=(slice(0, 1), slice(0, 1))).axes[0].images[0].get_array()
    assert (picture[0] / 255).tolist() == [list(to_rgb(scoring.BLUE))]  # one column of two


def test_confusion_in_percent_of_the_truth():
    figure = scoring.confusion([[3, 1, 0], [0, 5, 0], [0, 0, 0]], DATA.class_names)
    (cells,) = figure.axes[0].collections
    assert cells.get_array().tolist() == [[75, 25, 0], [0, 100, 0], [0, 0, 0]]
    written = {t.get_text(): t for t in figure.axes[0].texts if t.get_text()}  # Pole never occurs: an empty row
    assert {text: (t.get_position(), t.get_color()) for text, t in written.items()} == {
        "75": ((0.5, 0.5), "white"),
        "25": ((1.5, 0.5), INK),
        "100": ((1.5, 1.5), "white"),
    }
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == list(DATA.class_names)
