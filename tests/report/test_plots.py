"""Plots that stand inside of a page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
from evaluations import noise, record

from aigc_tf.report import page, plots

COUNTS = np.array([3, 1])


def test_a_class_called_like_a_formula_keeps_its_name():
    svg, per_bar = plots.class_shares(COUNTS, COUNTS, ["$x^2$", "<b>&"])
    told = [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert per_bar == 1 and {"$x^2$", "<b>&", "real", "generated"} <= set(told)


def test_plots_of_one_page_share_no_identifiers():
    logits = np.linspace(-1, 1, 50), np.linspace(-2, 0, 70)
    drawn = (
        plots.class_shares(COUNTS, COUNTS, ["a", "b"])[0],
        plots.precision_recall(*logits, "discriminator"),
        plots.logits(*logits),
    )
    names = [set(re.findall(r' id="([^"]+)"', svg)) for svg in drawn]
    assert all(names) and len(set.union(*names)) == sum(map(len, names))
    for svg, own in zip(drawn, names):
        assert set(re.findall(r'(?:url\(|href=")#([^")]+)', svg)) <= own


def test_bars_are_shares_of_each_set():
    svg, _ = plots.class_shares(COUNTS, 10 * COUNTS, ["a", "b"])
    same, _ = plots.class_shares(COUNTS, COUNTS, ["a", "b"])
    assert svg == same


def test_classes_of_the_same_name_keep_a_row_each(tmp_path):
    evidence = noise((8, 8, 1), classes=3)
    told = {**record(evidence), "class_names": ["cat", "cat", "dog"]}
    page.write(tmp_path / "report.html", told, evidence)
    rows = ElementTree.parse(tmp_path / "report.html").findall('.//table[@class="rows"]/tr')
    assert [row.find("th").text for row in rows] == ["cat", "cat", "dog"]
