"""What is in memory at once, by hand."""

from segnet_lab import create_model
from segnet_lab.probe.alive import alive


def test_alive_is_input_output_and_what_still_waits():
    table = alive(create_model("segnet_basic"), 8, 8)
    assert table["place"].tolist() == [
        *(f"stages.{n}" for n in range(4)), *(f"decoders.{n}" for n in (4, 3, 2, 1)), "classifier",
    ]  # fmt: skip
    codes = [64 * n * n // 4 for n in (4, 2, 1, 1)]  # bytes: maps of 8, 4, 2, 1 pixels, pooled; 2 bits a window
    assert (1e6 * table["remembered"]).round().tolist() == [
        0, codes[0], sum(codes[:2]), sum(codes[:3]),
        sum(codes), sum(codes[:3]), sum(codes[:2]), codes[0], 0,
    ]  # fmt: skip
    maps = (1e6 * table["maps"]).round()
    assert maps[0] == 4 * 8 * 8 * (3 + 64)
    assert maps[8] == 4 * 8 * 8 * (64 + 11)


def test_alive_counts_reduced_maps_while_the_encoder_runs():
    table = alive(create_model("fcn_basic"), 16, 16).set_index("place")
    kept = [4 * 11 * n * n for n in (8, 4, 2)]  # reduced maps that entered stages 2, 3 and 4
    remembered = (1e6 * table["remembered"]).round()
    assert remembered[["reduce.2", "reduce.3", "stages.2"]].tolist() == [0, kept[0], kept[0]]
    assert remembered[["neck", "decoders.2", "decoders.1"]].tolist() == [sum(kept), kept[0], 0]


def test_interpolation_is_a_step_of_its_own_where_a_decoder_has_no_filters():
    table = alive(create_model("bilinear_interpolation"), 8, 8).set_index("place")
    steps = [f"stages.{n}" for n in range(4)] + ["neck", "decoders.4", "decoders.3", "decoders.2", "decoders.1"]
    assert table.index.tolist() == steps  # scores come before the decoder, so there is no classifier behind it
    assert (1e6 * table["maps"]["decoders.1"]).round() == 4 * 11 * (4 * 4 + 8 * 8)
    assert not table["remembered"].any()
