"""The real command on small networks."""

import dataclasses
import json

import pytest
import tensorflow as tf
from commands import run, succeed

from benchmarks import operations
from benchmarks.operations import Operation

# A 3x3 convolution of 64 channels, in the middle of a network, that takes as long as it should.
USUAL = Operation("Conv2D", [[14, 14, 64]], [3, 3, 64, 64], 1, 2, 1e9, 10.0, 0.5, 1.2)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("operations")
    measured = run("-m", "benchmarks.operations", "--cells", "default:16", "--seconds", 0.1, "--results", folder)
    # How quick a layer of so small an image is says nothing, so that some may be slow without a reason.
    assert measured.returncode in (0, 1) and "Traceback" not in measured.stderr, measured.stderr
    return folder


def test_each_layer_is_there_with_its_flops(results):
    networks = json.loads((results / "operations.json").read_text())["cells"]["default:16"]
    assert set(networks) == {"generator", "discriminator"}
    generator = {tuple(each["kernel"]): each for each in networks["generator"] if each["kernel"]}
    # 16x16: from 8x8x64 through a 3x3 to 32 channels, then a 3x3 to the image; forward, and twice as many backward.
    assert generator[3, 3, 64, 32]["flops"] == 3 * 32 * 2 * 8 * 8 * 9 * 64 * 32
    assert generator[3, 3, 64, 32]["given"] == [[8, 8, 64]]
    discriminator = {tuple(each["kernel"]): each for each in networks["discriminator"] if each["kernel"]}
    assert discriminator[4, 4, 32, 64]["flops"] == 3 * 32 * 2 * 4 * 4 * 16 * 32 * 64
    assert discriminator[4, 4, 32, 64]["stride"] == 2
    for found in networks.values():
        assert sum(each["share"] for each in found) == pytest.approx(1)
        assert all(each["ms"] > 0 and each["count"] >= 1 for each in found)


def test_times_are_those_beside_the_best_convolution(results):
    figures = json.loads((results / "operations.json").read_text())
    assert figures["peak_gflops"] > 1
    for found in figures["cells"]["default:16"].values():
        for each in found:
            if each["flops"]:
                best = each["flops"] / (1e9 * figures["peak_gflops"])
                assert each["times"] == pytest.approx(each["ms"] / 1000 / best, rel=1e-2)
            else:
                assert each["times"] is None


def test_the_page_has_a_table_a_network(results):
    page = (results / "operations.md").read_text()
    assert "## default:16, generator" in page and "## default:16, discriminator" in page
    assert "| Conv2D of 8x8x64, kernel 3x3x64x32 | 1 |" in page


def test_what_is_slow_needs_a_reason():
    slow = dataclasses.replace(USUAL, times=2.1)
    assert not USUAL.slow and slow.slow and not slow.reason
    assert not dataclasses.replace(slow, share=0.01).slow
    assert "channels" in dataclasses.replace(slow, kernel=[3, 3, 64, 1]).reason
    assert "memory" in dataclasses.replace(slow, kind="ReLU", kernel=[], times=None).reason
    assert "products" in dataclasses.replace(slow, kind="Dense", kernel=[64, 9000]).reason
    assert "products" in dataclasses.replace(slow, kernel=[1, 1, 64, 32]).reason
    assert "products" in dataclasses.replace(slow, kind="Dense", kernel=[512, 512], flops=32 * 6 * 512**2).reason
    for usual in (
        {"kind": "Dense", "kernel": [512, 512]},
        {"kernel": [1, 1, 128, 128]},
        {"kind": "Conv2DTranspose"},
        {"stride": 2},
    ):
        assert not dataclasses.replace(slow, **usual).reason
    figures = {
        "peak_gflops": 100.0,
        "cells": {"some:14": {"critic": [dataclasses.asdict(each) for each in (USUAL, slow)]}},
    }
    assert operations.unknown(figures) == ["some:14, critic: Conv2D of 14x14x64, kernel 3x3x64x64"]
    assert "**Slow without a reason that we know:** some:14, critic: Conv2D of 14x14x64" in operations.page(figures)


def test_a_layers_activation_is_measured_by_itself_and_its_forward_pass_is_not_left_out():
    layer = tf.keras.layers.Conv2D(4, 3, 2, padding="same", activation="relu")
    layer(tf.keras.Input((8, 8, 3)))
    bare, activation = operations.apart([layer])
    assert bare.get_config() == {**layer.get_config(), "activation": "linear"}
    assert bare.kernel.shape == [3, 3, 3, 4] and activation.input_shape == (None, 4, 4, 4)
    assert activation.get_config()["activation"] == "relu"
    assert list(operations.apart([bare, activation])) == [bare, activation]

    def shapes(layer):
        return {tuple(each.shape) for each in operations.passes(layer, 2)()}

    assert shapes(bare) == {(2, 4, 4, 4), (2, 8, 8, 3), (3, 3, 3, 4), (4,)}  # the answer first, then gradients
    assert shapes(activation) == {(2, 4, 4, 4)}


def test_help_lists_its_options():
    assert "--cells" in succeed(run("-m", "benchmarks.operations", "--help"))
