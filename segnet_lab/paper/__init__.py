"""The paper's own numbers, as printed. Ours are never among them."""

from pathlib import Path

import pandas as pd

from segnet_lab._support.errors import InvalidInput, unknown

# Row names as the paper prints them -> the network's name here
NAMES = {
    "Bilinear-Interpolation": "bilinear_interpolation",
    "SegNet-Basic": "segnet_basic",
    "SegNet-Basic-EncoderAddition": "segnet_basic_encoder_addition",
    "SegNet-Basic-SingleChannelDecoder": "segnet_basic_single_channel_decoder",
    "FCN-Basic": "fcn_basic",
    "FCN-Basic-NoAddition": "fcn_basic_no_addition",
    "FCN-Basic-NoDimReduction": "fcn_basic_no_dim_reduction",
    "FCN-Basic-NoAddition-NoDimReduction": "fcn_basic_no_addition_no_dim_reduction",
    "SegNet": "segnet",
    "DeepLab-LargeFOV": "deeplab_large_fov",
    "FCN": "fcn",
    "FCN (learnt deconv)": "fcn_learnt_deconv",
    "DeconvNet": "deconvnet",
}
# Columns of Table 2, in its order -> the class's name here
CLASSES = {
    "building": "Building",
    "tree": "Tree",
    "sky": "Sky",
    "car": "Car",
    "sign_symbol": "SignSymbol",
    "road": "Road",
    "pedestrian": "Pedestrian",
    "fence": "Fence",
    "column_pole": "Pole",
    "sidewalk": "Pavement",
    "bicyclist": "Bicyclist",
}
_FILES = {int(file.stem[len("table")]): file for file in sorted(Path(__file__).parent.glob("table*.csv"))}


def table(number: int) -> pd.DataFrame:
    """Table 1 to 6 as printed; a cell that the paper leaves empty is nan.

    Parameters
    ----------
    number : int
        1 variants of the decoder, 2 classical methods on CamVid, 3 networks on CamVid, 4 networks on SUN RGB-D,
        5 SegNet's classes on SUN RGB-D, 6 time and memory.

    Returns
    -------
    DataFrame
        Percentages, milliseconds and megabytes as the paper has them; the first column names the row.

    Raises
    ------
    ValueError
        If the paper has no table of that number.

    Examples
    --------
    >>> table(1).set_index("variant").loc["SegNet-Basic", ["median_test_mIoU", "median_test_BF"]].tolist()
    [47.7, 35.78]
    """
    if number not in _FILES:
        raise InvalidInput(unknown("table of the paper", number, map(str, _FILES)))
    return pd.read_csv(_FILES[number])
