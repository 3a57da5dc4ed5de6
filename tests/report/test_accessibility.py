"""Pages are for everybody: axe-core looks for what a screen reader, or eyes that see little, could not read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import driven
from evaluations import digits, record

from aigc_tf import json_files
from aigc_tf.report import page, run_page
from aigc_tf.run_folder import RunFolder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with driven() as driver:
        yield driver


@pytest.fixture(scope="module")
def pages(tiny_run, explored, tmp_path_factory) -> dict[str, Path]:
    """The report of an evaluation, that of the run that was judged, and what its model can make."""
    folder = RunFolder(Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("pages") / "run")))
    evidence = digits()
    told = record(evidence, warnings=("all that glitters is not gold",))
    json_files.write(told, folder.evaluation_file(20))
    page.write(folder.report_file(20), told, evidence)
    run_page.write(folder)
    return {"evaluation": folder.report_file(20), "run": folder.page_file, "exploration": explored / "index.html"}


@pytest.mark.parametrize("width", [1100, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["evaluation", "run", "exploration"])
def test_axe_finds_nothing_and_nothing_is_too_wide(browser, pages, kind, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    seen = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    faults: list[str] = []
    seen.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    seen.goto(pages[kind].resolve().as_uri())
    seen.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    found = axe.run(seen, options={"resultTypes": ["violations", "passes"]})
    assert len(found.response["passes"]) > 15
    assert found.violations_count == 0, found.generate_report()
    assert seen.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.locator("figcaption").count() > 3 and seen.locator("[role=img] figcaption").count() == 0  # unread there
    assert faults == []
    seen.close()


def test_axe_would_find_something(browser):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    seen = browser.new_page()
    seen.set_content(
        '<html><body><img src="data:,"><p style="color: #ccc; background: #fff">hardly there</p></body></html>'
    )
    assert {"image-alt", "color-contrast", "html-has-lang"} <= {
        each["id"] for each in axe.run(seen).response["violations"]
    }
