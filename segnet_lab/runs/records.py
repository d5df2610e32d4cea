"""What the JSON files of a run hold, as types. Entries that older versions did not write are `NotRequired`."""

from typing import Any, NotRequired, TypedDict

Scores = dict[str, Any]  # by name: G, C, mIoU, BF are fractions; class_* lists of them; "on" a ScoredOn

ModelRecord = TypedDict(
    "ModelRecord",
    {
        "name": str,  # of `list_models`; the class of a guest
        "num_classes": int,
        "width": NotRequired[float],
        "dropout": NotRequired[float],
        "input_transform": NotRequired[str],
        "parameters": NotRequired[int],  # of a guest, which has no name in `list_models`
        "class": NotRequired[str],  # likewise: module and name
    },
)


class SetRecord(TypedDict):
    """A data set, as `provenance.describe_data` describes it."""

    name: str
    split: str
    images: int
    options: dict[str, Any]
    class_names: list[str]
    palette: list[list[int]]
    ignore_index: int
    title: NotRequired[str]
    called: NotRequired[str]
    size: NotRequired[list[int] | None]
    part: NotRequired[str | None]
    fingerprint: NotRequired[str | None]
    in_order: NotRequired[str | None]


class DataRecord(SetRecord):
    """What a run was trained and validated on."""

    validation: NotRequired[SetRecord | str | None]  # an older version noted the split alone


class RunRecord(TypedDict):
    """run.json: what a run is."""

    model: ModelRecord
    data: DataRecord
    recipe: dict[str, Any]  # `Recipe.from_dict` takes it
    start: NotRequired[str | dict[str, Any]]  # where its first weights came from
    computed_in: NotRequired[str]
    environment: NotRequired[dict[str, Any]]


class ScoredOn(TypedDict):
    """What a score belongs to, as `provenance.scored_on` describes it."""

    data: str
    called: NotRequired[str]
    split: str
    images: int | None
    size: list[int] | None
    part: str | None
    convention: str
    tolerance: float
    fingerprint: NotRequired[str | None]


def is_guest(model: ModelRecord) -> bool:
    """Whether a run is of a network that is not of this kit, and cannot be rebuilt from its record.

    >>> is_guest({"name": "UNet", "num_classes": 11, "parameters": 7763, "class": "mine.UNet"})
    True
    """
    return "class" in model
