import pandas as pd

from segnet_lab._support.folders import shipped
from segnet_lab.data.class_counts import count_classes


def test_counts_of_camvid_are_those_of_its_labels(camvid):
    data = camvid("train", cache=False)
    counts = count_classes(data)
    kept = pd.read_csv(shipped("datasets") / "camvid" / "class_counts.csv")
    assert kept["class"].tolist() == list(data.class_names)
    assert kept["pixels"].tolist() == counts.pixels.tolist()
    assert kept["pixels_where_present"].tolist() == counts.pixels_where_present.tolist()
