"""The published tables are read as they are printed."""

from pathlib import Path

import pandas as pd
import pytest

from segnet_lab import paper
from segnet_lab.data.cards import load_card
from segnet_lab.models import list_models

FILES = sorted(Path(paper.__file__).parent.glob("*.csv"))


def test_six_tables():
    assert [file.name[:6] for file in FILES] == [f"table{number}" for number in range(1, 7)]
    shapes = [paper.table(number).shape for number in range(1, 7)]
    assert shapes == [(8, 19), (11, 17), (6, 14), (5, 14), (37, 2), (4, 6)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_files_are_plain_text(file):
    text = file.read_bytes()
    assert b"\r" not in text
    assert text.endswith(b"\n")
    assert text.isascii()


@pytest.mark.parametrize("number", range(1, 7))
def test_a_name_then_numbers(number):
    table = paper.table(number)
    texts = [column for column in table if not pd.api.types.is_numeric_dtype(table[column])]
    assert texts == [table.columns[0], *(["group"] if "group" in table else [])]
    assert table[table.columns[0]].is_unique
    scores = table[[c for c in table if c.split("_")[-1] in ("G", "C", "mIoU", "BF")]]
    assert (scores.isna() | ((scores >= 0) & (scores < 100))).all(axis=None)


def test_an_empty_cell_is_nan():
    assert paper.table(2).set_index("method").loc["Boosting", ["mIoU", "BF"]].isna().all()


def test_names_here_are_names_there():
    names = set(paper.table(1)["variant"]) | set(paper.table(3)["network"]) | set(paper.table(6)["network"])
    assert names - set(paper.NAMES) == {"DeepLab-LargeFOV-denseCRF"}
    assert set(paper.NAMES.values()) <= set(list_models())
    columns = list(paper.table(2).columns[2:-4])
    assert list(paper.CLASSES) == columns
    assert set(paper.CLASSES.values()) == set(load_card("camvid").class_names)


@pytest.mark.parametrize("number", [0, 7])
def test_an_unknown_table_lists_the_known_ones(number):
    with pytest.raises(ValueError, match=f"unknown table of the paper {number}. Known: 1, 2, 3, 4, 5, 6"):
        paper.table(number)
