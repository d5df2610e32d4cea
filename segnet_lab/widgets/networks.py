"""The trained networks that explorers look into."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from segnet_lab.data import load_dataset
from segnet_lab.figures import compared
from segnet_lab.inference import predict
from segnet_lab.models import EncoderDecoder
from segnet_lab.results import list_runs
from segnet_lab.runs import RunDirectory, load_run


class Networks:
    """The trained networks of a set of runs, and what they say of images; each thing is loaded and computed once.

    Parameters
    ----------
    runs : str or dict
        A set of runs by name, see `results.find_runs`, or networks by name.
    data : SegmentationDataset, optional
        The default is the validation split that the runs were selected on.
    """

    def __init__(self, runs, data=None):
        self._runs, self._data, self._said = runs, data, {}

    @cached_property
    def models(self) -> dict[str, EncoderDecoder]:
        """By name, in the paper's order.

        Raises
        ------
        ValueError
            No such set of runs, none of it came with weights, or an empty dict.
        """
        if isinstance(self._runs, Mapping):
            if not self._runs:
                raise ValueError("no networks to look into: give at least one, as {name: network}")
            return dict(self._runs)
        models = {
            name: load_run(path).model
            for name, path in list_runs(self._runs).items()
            if RunDirectory(path).best.exists()
        }
        if not models:
            raise ValueError(
                f"the set of runs {self._runs!r} holds scores but no weights, so there is nothing to look into: "
                f"train one, e.g. `segnet-lab train segnet_basic --run runs/{self._runs}/segnet_basic`"
            )
        return models

    @cached_property
    def data(self):
        """Images with their truth, and the names and colours of the classes."""
        if self._data is not None:
            return self._data
        if isinstance(self._runs, Mapping):
            return load_dataset("roadscenes", "val")
        about = RunDirectory(next(iter(list_runs(self._runs).values()))).about()["data"]
        return load_dataset(about["name"], about["validation"] or "val", **about["options"])

    def judged(self, name: str, number: int) -> compared.Prediction:
        """What network `name` says of image `number`."""
        if (name, number) not in self._said:
            image, truth = self.data[number]
            self._said[name, number] = compared.judge(predict(self.models[name], image), truth, self.data)
        return self._said[name, number]

    def all_judged(self, number: int) -> dict[str, compared.Prediction]:
        """What every network says of image `number`, by name."""
        return {name: self.judged(name, number) for name in self.models}

    def worst_first(self, name: str, score: str, count: int) -> list[int]:
        """Numbers of the first `count` images, from the lowest score of a network to the highest."""
        scores = {i: self.judged(name, i).scores[score] for i in range(min(count, len(self.data)))}
        return sorted(scores, key=lambda i: np.nan_to_num(scores[i], nan=2.0))  # an image without a score comes last
