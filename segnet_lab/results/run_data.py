"""The images of a run: those it was trained on, validated on, or another split of the same set."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segnet_lab._support.errors import InvalidInput, NotFound
from segnet_lab.data import SegmentationDataset, load_dataset
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.places import find_run
from segnet_lab.runs.provenance import TrainedOn
from segnet_lab.runs.records import DataRecord, SetRecord

RunName = str | os.PathLike[str]


class OtherImages(InvalidInput):
    """Images or labels are no longer those that a run has on record."""


def data_of(
    run: RunName,
    split: str = "val",
    root: str | os.PathLike[str] | None = None,
    strict: bool = True,
    **options: Any,
) -> SegmentationDataset:
    """The images that a run was trained on, validated on, or another split of the same data set with the same options.

    Parameters
    ----------
    run : path or name
        A run directory, such as `list_runs(name)` gives, or the name of a run; see `places`.
    split : str
        "train": what it was trained on (only the part, if it was a part). "val": what selected its epoch; the split of
        that name if nothing did. Any other: that split of the data set.
    root : path, optional
        Where the data set lies now, if not where it lay when the run was made.
    strict : bool
        Refuse images that are not those on record. False takes what is there now; `beside_training` says what it is.
    **options
        Options of the data set to change, e.g. `size=(180, 240)`.

    Raises
    ------
    FileNotFoundError
        There is no run, or its data are not at hand: says how to name their place.
    OtherImages
        The images or labels on record have changed since; for a split that the run never met: those it was trained on
        have, so that nobody knows whether it has seen these.
    """
    about = RunDirectory(find_run(run)).about()["data"]
    data, recorded = _load(run, about, split, root, options)
    if not strict or not about.get("fingerprint") or _changes_images(recorded, options):
        return data
    if recorded is None:
        there = _training_set(run, about, root)
        if there is not None and _differ(about, there):
            never_met = f", so nobody knows whether it has seen those of {split!r}"
            raise OtherImages(_other_images(run, "training", about, f"{len(there)} now", never_met))
    elif _differ(recorded, data):
        raise OtherImages(_other_images(run, split, recorded, f"{len(data)} now"))
    return data


def images_of(
    run: RunName,
    dataset: str | None = None,
    split: str = "val",
    root: str | os.PathLike[str] | None = None,
    **options: Any,
) -> SegmentationDataset:
    """The run's own images, or, where a data set is named, those that are there now: at the size of the run.

    Parameters
    ----------
    run : path or name
    dataset : str, optional
        Nothing (or ""): `data_of(run, split)`, which refuses images that have changed. The name of the run's own data
        set takes them as they are; that of another loads another. `beside_training` says what a reader must know of
        them.
    split, root, **options
        As in `data_of`.
    """
    trained_on = TrainedOn.of_run(RunDirectory(find_run(run)).about()["data"])
    if not dataset or dataset == trained_on.name:
        return data_of(run, split, root, strict=not dataset, **options)
    return load_dataset(dataset, split, root=root, **{"size": trained_on.size} | options)


def beside_training(run: RunName, data: SegmentationDataset) -> list[str]:
    """What a reader must know of images that a run is scored on, beside its score: one sentence each, often none.

    Parameters
    ----------
    run : path
    data : SegmentationDataset
        Such as `data_of(run, split)` gives, or those of another data set.

    Returns
    -------
    list of str
        That it was trained on another data set, or on other images or labels; that some of the images are among those
        it was trained on, or that nobody can tell.
    """
    about = RunDirectory(find_run(run)).about()["data"]
    trained_on = TrainedOn.of_run(about)
    met = [record for record in (about, about.get("validation")) if isinstance(record, dict)]
    if data.name != trained_on.name or not about.get("fingerprint"):
        return [] if trained_on.called == data.called else [f"the network was trained on {trained_on}"]
    if about.get("fingerprint") == data.fingerprint():
        return []
    remarks = []
    if all(record.get("fingerprint") != data.fingerprint() for record in met):
        if trained_on.called != data.called:
            remarks.append(f"the network was trained on {trained_on}")
        elif any(_is_of(record, data) for record in met):
            remarks.append("these are not the images and labels that the run has on record")
    place = data.options.get("root")
    roots = (None,) if place is None else (None, str(place))  # where the run says; or where these lie, if it was moved
    sets = (_training_set(run, about, root) for root in roots)
    there = next((found for found in sets if found is not None and not _differ(about, found)), None)
    if there is not None:
        shared = data.shared_with(there)
        return [*remarks, f"it was trained on {shared} of these {len(data)} images"] if shared else remarks
    if any(record.get("fingerprint") == data.fingerprint() for record in met):
        return remarks
    return [*remarks, "what it was trained on is not there as it was, so nobody knows whether it has seen these images"]


def _load(
    run: RunName, about: DataRecord, role: str, root: RunName | None, options: Mapping[str, Any]
) -> tuple[SegmentationDataset, SetRecord | None]:
    """The images of a role, and what is on record of them: None if the run never met them."""
    name, split, kept, met = _of_role(about, role)
    asked = {**kept, **options} | ({} if root is None else {"root": root})
    try:
        data = load_dataset(name, split=split, **asked)
    except FileNotFoundError as error:
        place = asked.get("root")
        moved = place is not None and not Path(place).expanduser().is_dir()
        hint = ". Say where they are now with root= (--root on the command line, -p root in a lesson)" if moved else ""
        where = f"the {role} images of run {run} ({name})" + (" are not where they were" if moved else "")
        raise NotFound(f"{where}: {error}{hint}") from None
    except IndexError as error:  # a part, of a set that has fewer images now
        raise OtherImages(_other_images(run, role, met or about, str(error))) from None
    if met is not None and kept.get("part") is not None and not _changes_images(met, options):
        data.part_name = met.get("part") or data.part_name  # "fold 2 of 5"
    return data, met


def _of_role(about: DataRecord, role: str) -> tuple[str, str, dict[str, Any], SetRecord | None]:
    """Name, split and options of the data set of a role, and what is on record of it."""
    if role == "train":
        return about["name"], about["split"], about["options"], about
    validation = about.get("validation")
    if isinstance(validation, dict) and (role == "val" or _is_split(validation, about, role)):
        return validation["name"], validation["split"], validation["options"], validation
    options = {option: value for option, value in about["options"].items() if option != "part"}
    split = validation if role == "val" and isinstance(validation, str) else role  # an older version noted that alone
    return about["name"], split, options, None


def _is_of(record: SetRecord, data: SegmentationDataset) -> bool:
    """Whether a data set stands for what is on record, by split and part."""
    return (record["split"], record["options"].get("part")) == (data.split, data.options.get("part"))


def _is_split(validation: SetRecord, about: DataRecord, split: str) -> bool:
    """Whether a run was validated on all of a split of what it was trained on."""
    trained_with = {name: value for name, value in about["options"].items() if name != "part"}
    return (validation["name"], validation["split"], validation["options"]) == (about["name"], split, trained_with)


def _changes_images(recorded: SetRecord | None, options: Mapping[str, Any]) -> bool:
    """Whether options ask for other images than those on record."""
    kept = recorded["options"] if recorded is not None else {}
    return any(kept.get(name) != value for name, value in options.items() if name not in ("root", "size", "cache"))


def _differ(recorded: SetRecord, data: SegmentationDataset) -> bool:
    return bool(recorded.get("fingerprint")) and recorded.get("fingerprint") != data.fingerprint()


def _other_images(run: RunName, role: str, recorded: SetRecord, now: str, and_so: str = "") -> str:
    return (
        f"the {role} images of run {run} ({recorded.get('called', recorded['name'])}) are no longer those on "
        f"record: {recorded['images']} then, {now}, of other names or with other labels{and_so}. Put them back; or, to "
        "take what is there now, name the data set: --data on the command line, -p dataset in a lesson, strict=False "
        "in data_of"
    )


def _training_set(run: RunName, about: DataRecord, root: RunName | None) -> SegmentationDataset | None:
    """What a run was trained on, as it is there now; None if it is not."""
    try:
        return _load(run, about, "train", root, {})[0]
    except (OSError, ValueError, IndexError):
        return None
