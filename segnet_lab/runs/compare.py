"""Whether two records are of one run: if not, what tells them apart, in words."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segnet_lab.runs.places import find
from segnet_lab.runs.recipe import Recipe
from segnet_lab.runs.records import RunRecord, SetRecord

Start = str | Mapping[str, Any]


def first_difference(was: RunRecord, now: RunRecord) -> str | None:
    """What makes two runs different, in words; None if one may go on where the other stopped.

    Parameters
    ----------
    was, now : RunRecord
        As `provenance.describe` gives them; `was` may be of an older version, whose missing entries are not compared.
    """
    now = json.loads(json.dumps(now))  # tuples become lists, as in a file
    return (
        _model_difference(was["model"], now["model"])
        or ("start" in was and _start_difference(was["start"], now["start"]))
        or _data_difference(was["data"], now["data"], "data")
        or _order_difference(was["data"], now["data"])
        or _validation_difference(was["data"].get("validation"), now["data"]["validation"])
        or _recipe_difference(was["recipe"], now["recipe"])
        or None
    )


def _model_difference(was: Mapping[str, object], now: Mapping[str, object]) -> str | None:
    for name, value in now.items():
        if name != "class" and was.get(name) != value:  # the class of a guest is found in another module, if it moved
            return f"its model has {name}={was.get(name)!r}, this one {value!r}"
    return None


def _start_difference(was: Start, now: Start) -> str | None:
    if _same_start(was, now):
        return None
    return f"it started from {_start_in_words(was)}, this one from {_start_in_words(now)}"


def _same_start(was: Start, now: Start) -> bool:
    """Whether a run may have started from what is named now: that may have been moved, be gone, or have trained on."""
    if isinstance(was, str) or isinstance(now, str):
        return was == now
    kind = "run" if "run" in was else "imagenet"
    if kind not in now:
        return False
    before, after = Path(was[kind]), Path(now[kind])
    folder = find(after) if kind == "run" and before.exists() else None
    if folder is None:
        return before.name == after.name
    return before.resolve() in (folder.resolve(), *(file.parent.resolve() for file in folder.glob("*/run.json")))


def _start_in_words(start: Start) -> str:
    if isinstance(start, str):
        return start
    return f"the weights of {start['run']}" if "run" in start else f"ImageNet's weights, {start['imagenet']}"


def _data_difference(was: SetRecord, now: SetRecord, what: str) -> str | None:
    before: Mapping[str, object] = was
    after: Mapping[str, object] = now
    for name in ("name", "split", "images", "ignore_index", "class_names"):
        if before[name] != after[name]:
            return f"its {what} has {name}={before[name]!r}, this one {after[name]!r}"
    for name, value in now["options"].items():
        if name not in ("root", "part") and name in was["options"] and was["options"][name] != value:
            return f"its {what} has {name}={was['options'][name]!r}, this one {value!r}"
    if "fingerprint" in was and was["options"].get("part") != now["options"].get("part"):  # older runs noted no part
        return f"its {what} is another part of {was['name']} {was['split']!r}: other images of the same number"
    if _known_to_differ(was.get("fingerprint"), now.get("fingerprint")):
        return f"its {what} holds other images or other labels, of the same number ({now['images']})"
    return None


def _order_difference(was: SetRecord, now: SetRecord) -> str | None:
    if _known_to_differ(was.get("in_order"), now.get("in_order")):
        return "its data has the same images in another order, on which the batches depend"
    return None


def _known_to_differ(was: str | None, now: str | None) -> bool:
    return None not in (was, now) and was != now


def _validation_difference(was: SetRecord | str | None, now: SetRecord | str | None) -> str | None:
    if isinstance(was, str) or isinstance(now, str):  # an older version noted the split alone
        before, after = (v["split"] if isinstance(v, dict) else v for v in (was, now))
        return None if before == after else f"its validation is {before!r}, this one's {after!r}"
    if was is None or now is None:
        first, second = (f"on {v['name']} {v['split']}" if v else "none" for v in (was, now))
        return None if was is now else f"its validation is {first}, this one's {second}"
    return _data_difference(was, now, "validation")


def _recipe_difference(was: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    recipe = Recipe.from_dict(was)  # what an older version did not name has its default
    settings = json.loads(json.dumps(asdict(recipe)))
    for name, value in now.items():
        if settings[name] != value and not (name == "epochs" and recipe.can_grow):
            return f"its recipe has {name}={settings[name]!r}, this one {value!r}"
    return None
