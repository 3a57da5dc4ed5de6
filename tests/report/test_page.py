"""The report, read as XML and looked at in a real browser."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from browser import look, needs_chromium
from evaluations import digits, noise, record

from aigc_tf.metrics.evidence import Evidence
from aigc_tf.report import page, words


def written(path: Path, record: dict, evidence: Evidence) -> str:
    page.write(path, record, evidence)
    text = path.read_text()
    ElementTree.fromstring(text)  # well-formed, or this raises
    assert len(text) < 2_000_000
    return text


@pytest.fixture(scope="module")
def of_digits(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    evidence = digits()
    written(path, record(evidence, warnings=("all that glitters is not gold",)), evidence)
    return path


@needs_chromium
@pytest.mark.parametrize("width, dark", [(1100, False), (375, False), (1100, True)])
def test_a_browser_shows_it_whole_without_asking_for_anything(of_digits, width, dark):
    shown = look(of_digits, width, dark)
    assert shown["headings"][0] == "logs/digits"
    assert {"Warnings", "Figures", "Images", "Classes", "Closest to training images", "Discriminator"} < set(
        shown["headings"]
    )
    assert len(shown["images"]) == 2 + 9 + 8  # both grids, the classes but the lost one, the pairs
    assert all(natural > 0 and high > 0 and drawn > 0 for natural, high, drawn in shown["images"])
    assert len(shown["plots"]) == 3 and min(shown["plots"]) > 300
    assert shown["rendering"] == "pixelated"
    assert shown["requests"] == []
    content, window = shown["width"]
    assert content <= window == width
    ink, paper = (sum(map(int, re.findall(r"\d+", shown[what]))) for what in ("ink", "background"))
    assert ink > paper if dark else ink < paper
    assert shown["axis"] == shown["ink"]  # the plots take the page's colours


@needs_chromium
def test_figures_verdict_and_provenance_are_there_to_read(of_digits):
    evidence = digits()
    told, text = record(evidence), look(of_digits)["text"]
    fd = told["measures"]["fd_lenet"]
    assert f"FD-LeNet {fd['value']:.3g}, {fd['value'] / fd['reference']:.3g} times what real images score" in text
    assert "Only 9 of the 10 classes of the real images are among the generated ones (classes lost: 7)." in text
    assert "all that glitters is not gold" in text
    assert "none generated" in text
    for name, figure in told["measures"].items():
        assert name in text and words.number(figure["value"]) in text
        assert words.interval(figure["interval"]) in text
    for value in ("sha256:4c361ca3a7895f34a0ee1ff925397f15e0a933616e6dbfb450e04a56db4a73b2", "lenet-mnist", "2.15.1"):
        assert value in text


def test_nothing_in_it_points_outside(of_digits):
    text = of_digits.read_text()
    assert not re.findall(r"<(?:script|link|iframe|object|embed|base)\b", text)
    addresses = re.findall(r'\b(?:src|href)="([^"]*)"', text) + re.findall(r"url\(([^)]*)\)", text)
    assert len(addresses) > 19
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    names = re.findall(r'\bid="([^"]*)"', text)
    assert len(names) == len(set(names))


def test_names_of_a_person_stay_text(tmp_path):
    evidence = noise((8, 8, 1), classes=2)
    path = '</title><script>alert("1")</script>&\x00\udcff'
    told = record(evidence, path, warnings=("<b>bold</b>",))
    told["class_names"] = ["<i>cat</i>", "dog & $x$"]
    text = written(tmp_path / "report.html", told, evidence)
    assert "<script" not in text and "<b>" not in text and "<i>" not in text
    root = ElementTree.fromstring(text)
    assert root.find("body/header/h1").text == '</title><script>alert("1")</script>&\ufffd\ufffd'
    assert "dog & $x$" in "".join(root.itertext())


@pytest.mark.parametrize("kind", ["samples", "export"])
def test_what_was_not_observed_is_left_out(tmp_path, kind):
    evidence = dataclasses.replace(noise((12, 20, 4)), training=None)
    text = written(tmp_path / "report.html", record(evidence, kind=kind), evidence)
    for heading in ("Classes", "Discriminator", "Closest to training images"):
        assert f"<h2>{heading}" not in text
    assert "<h2>Images</h2>" in text and "<h2>Closest to real images</h2>" in text
    assert "what real images score was not measured" in text


def test_a_thousand_classes_are_added_up_and_the_page_says_so(tmp_path):
    evidence = noise((32, 32, 3), classes=1000)
    text = written(tmp_path / "report.html", record(evidence), evidence)
    assert "1,000 classes, 25 of them added up in each bar" in text
    assert "for the 12 of 1,000 classes that are most frequent" in text


def test_large_noise_stays_small_enough_to_send(tmp_path):
    evidence = noise((200, 256, 3), classes=12, count=100)
    written(tmp_path / "report.html", record(evidence), evidence)  # asserts the size


def test_same_evaluation_same_page(tmp_path, of_digits):
    evidence = digits()
    again = tmp_path / "again.html"
    page.write(again, record(evidence, warnings=("all that glitters is not gold",)), evidence)
    assert again.read_bytes() == of_digits.read_bytes()


def test_provenance_is_told_once_where_it_is_the_same():
    measures = {
        "a": {"provenance": {"step": 1, "judge": "x"}},
        "b": {"provenance": {"step": 1, "judge": "y", "seed": None}},
        "c": {"provenance": {"step": 1, "judge": "x"}},
    }
    common, groups = page.shared_provenance(measures)
    assert common == {"step": 1}
    assert groups == [(["a", "c"], {"judge": "x"}), (["b"], {"judge": "y", "seed": None})]


def verdict_of(value: float, reference: float | None, interval: list[float] | None) -> str:
    figure = {"value": value, "reference": reference, "interval": interval, "note": "", "warning": ""}
    return words.verdict({"measures": {"fd_lenet": figure}, "num_generated": 4000})[0]


def test_the_verdict_says_no_more_than_the_figure():
    assert verdict_of(6.049, 4.447, [5.5, 6.5]) == "FD-LeNet 6.05, 1.36 times what real images score (4.45)."
    assert "which 4,000 images cannot tell from what real images score (4.45)" in verdict_of(4.6, 4.447, [4.4, 4.8])
    assert "cannot tell" in verdict_of(4.2, 4.447, [4.1, 4.3])  # better than real images: by chance
    assert "not measured" in verdict_of(6.0, None, None)
    assert words.verdict({"measures": {}, "num_generated": 4000}) == [
        "None of the figures below sums the images up: read them one by one."
    ]


def test_numbers_are_written_for_the_eye():
    written = [words.number(value) for value in (6.0491, 0.00034411, 12500.4, 10, -3.25, None)]
    assert written == ["6.049", "0.0003441", "12,500", "10", "-3.25", ""]
    assert words.interval([0.5, np.float64(1)]) == "0.5 to 1"
