import numpy as np

from segnet_lab.figures import crf


def test_the_pixel_is_marked_in_the_image_and_in_every_kernel():
    image = np.zeros((3, 4, 6))
    kernels = {"near": np.eye(4, 6), "near and alike": np.zeros((4, 6))}
    figure = crf.listening(image, (1, 5), kernels)
    assert [axes.get_title("left") for axes in figure.axes] == ["the pixel (1, 5)", "near", "near and alike"]
    for axes in figure.axes:
        (mark,) = axes.get_lines()
        assert mark.get_xydata().tolist() == [[5, 1]]  # x is the column
    assert all(axes.images[0].get_clim() == (0, 1) for axes in figure.axes[1:])
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), np.eye(4, 6))


def test_listening_marks_the_pixel_in_every_panel():
    figure = crf.listening(np.zeros((3, 6, 8)), (2, 5), {"appearance": np.ones((6, 8)), "smoothness": np.zeros((6, 8))})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["the pixel (2, 5)", "appearance", "smoothness"]
    assert all(axes.lines[0].get_xydata().tolist() == [[5, 2]] for axes in figure.axes)
