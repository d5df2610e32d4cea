"""Rows that make no network, or whose decoders say what the gradient contradicts, are refused."""

import re
from dataclasses import replace

import pytest
import torch

import segnet_lab as sl
from segnet_lab.models.variants import Block
from tests.models.bicubic import BASIC, Bicubic


class Blurred(Bicubic):
    """Looks at neighbours where only the same row may be used."""

    def combine(self, x, memory):
        """Mean of three rows."""
        return torch.nn.functional.avg_pool2d(x, (3, 1), stride=1, padding=(1, 0))


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        (3, BASIC, "name is 3: give letters, digits and underscores"),
        ("../run", BASIC, "name is '../run': give letters"),
        ("segnet", BASIC, "segnet is a network of the kit: register yours by another name"),
        ("mine", Bicubic, "row is <class 'tests.models.bicubic.Bicubic'>: give a Network"),
        ("mine", replace(BASIC, decoder=torch.nn.Conv2d), "mine does not run"),
        ("mine", replace(BASIC, decoder=lambda ports: torch.nn.ReLU()), "decoder 4 is a ReLU: derive it from"),
        ("mine", replace(BASIC, decoder=None), "decoder_widths has stage 4, and decoder is None"),
        ("mine", replace(BASIC, encoder=()), "give encoder at least one stage"),
        ("mine", replace(BASIC, encoder=4 * (Block((64,), "max"),)), "has pool='max': give '2x2', 'stride 1' or None"),
        ("mine", replace(BASIC, decoder=Blurred), "Blurred.combine makes row 5 from rows 4 to 6"),
        ("mine", replace(BASIC, encoder=(Block(()),)), "each stage at least one convolution"),
        ("mine", replace(BASIC, decoder_widths={1: (64,), 2: (64,)}), "has stages [1, 2]: give some of 1 to 4"),
        ("mine", replace(BASIC, decoder_widths={5: (64,)}), "has stages [5]: give some of 1 to 4"),
        ("mine", replace(BASIC, decoder_widths={4: (64,)}), "gives (2, 5, 6) for 2 classes and an image of 37x45"),
        ("mine", replace(BASIC, special_decoders={7: Bicubic}), "special_decoders has stages [7]"),
        ("mine", replace(BASIC, dropout_at=("pool9",)), "unknown place in dropout_at 'pool9'. Did you mean 'pool4'"),
        ("mine", replace(BASIC, input_transform="lnr"), "unknown input transform 'lnr'"),
        ("mine", replace(BASIC, kernel=4), "mine: a map of size (6, 7) pools to (3, 4)"),
        ("mine", replace(BASIC, encoder=4 * (Block((4,), pool=None),)), "codes or a map that its encoder"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(name, row, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        sl.register_model(name, row)
    assert "mine" not in sl.list_models()
