"""`python -m aigc_tf playground`, on a run, on an export and on a server, as a browser shows it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import tensorflow as tf
from commands import ROOT, refused, run, succeed
from families.diffusion import small_diffusions
from families.vae import small_vaes
from PIL import Image
from report.browser import driven
from stand_in import serving

from aigc_tf import contract
from aigc_tf.families import signatures
from aigc_tf.families.model import GenerativeModel

PLAYGROUND = ("-m", "aigc_tf", "playground")


def export(model: GenerativeModel, base: Path) -> Path:
    """A base path with what a server needs of a version, and no more."""
    promised, functions = signatures.build(model, "made by a test")
    module = tf.Module()
    module.weights = [variable for network in model.view().values() for variable in network.variables]
    tf.saved_model.save(module, str(base / "3"), signatures=functions)
    (base / "3" / contract.FILE).parent.mkdir()
    (base / "3" / contract.FILE).write_text(promised.to_json())
    return base


@contextlib.contextmanager
def playing(*arguments: object) -> Iterator[str]:
    """The address of a playground on a free port, which Ctrl-C ends without a word."""
    command = [sys.executable, *PLAYGROUND, *arguments, "--port", 0]
    process = subprocess.Popen(
        list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, f"not ready: {line!r}, {process.communicate(timeout=60)}"
        yield found[0]
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "") and process.returncode == 0
    finally:
        process.kill()
        process.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with driven() as driver:
        yield driver


@pytest.fixture(scope="module")
def run_folder(tiny_run, tmp_path_factory) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("playground") / "run"))


@pytest.fixture(scope="module")
def gan(run_folder) -> Iterator[str]:
    """An earlier checkpoint of a run of a GAN without classes."""
    with playing(run_folder, "--step", 10) as address:
        yield address


@pytest.fixture(scope="module")
def vae(tmp_path_factory) -> Iterator[str]:
    """An export of a VAE of coloured images with classes."""
    shape = (8, 9, 3)
    spec = dataclasses.replace(small_vaes.LABELLED, shape=shape)
    model = small_vaes.created(small_vaes.config(conditional=True), spec=spec)
    with playing(export(model, tmp_path_factory.mktemp("models") / "codes")) as address:
        yield address


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Iterator[str]:
    """The address of a server of a diffusion model with classes, as TensorFlow Serving would be one."""
    model = small_diffusions.created(small_diffusions.config(conditional=True))
    with serving(export(model, tmp_path_factory.mktemp("models") / "flow")) as server:
        yield server.rest


@pytest.fixture(scope="module")
def flow(real) -> Iterator[str]:
    """A playground of what that server has; no disk takes its ratings."""
    with playing("--server", real, "--model", "flow", "--ratings", "/dev/full") as address:
        yield address


@contextlib.contextmanager
def opened(
    browser: Any, address: str, width: int = 1100, refused: int = 0, about: Any = None, **options: Any
) -> Iterator[Any]:
    """The page, with its first pictures on it; nothing may go wrong in it meanwhile, but that so many of its requests
    are refused, of which every browser tells. It is told of the model what `about`, if given, makes of the truth."""
    page = browser.new_page(viewport={"width": width, "height": 900}, **options)
    if about is not None:
        page.route("**/about.json", lambda route: route.fulfill(json=about(route.fetch().json())))
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    page.locator("#strip [aria-pressed]").nth(7).wait_for()
    page.locator("#of-drawing").wait_for()
    yield page
    assert len(faults) == refused and all("responded with a status of 50" in fault for fault in faults), faults
    page.close()


def shows(page: Any, where: str, text: str | re.Pattern) -> str:
    """What stands there once it holds that text."""
    place = page.locator(where, has_text=text)
    place.wait_for(timeout=120_000)
    return place.text_content()


def pixels(page: Any, canvas: str) -> np.ndarray:
    """The levels on a canvas, uint8 [H, W, 3]."""
    numbers = page.evaluate(
        "id => { const canvas = document.getElementById(id), [width, height] = [canvas.width, canvas.height];"
        "return [height, width, ...canvas.getContext('2d').getImageData(0, 0, width, height).data]; }",
        canvas,
    )
    return np.array(numbers[2:], np.uint8).reshape(*numbers[:2], 4)[..., :3]


def saved(page: Any, press: str = "s") -> tuple[str, bytes]:
    """Name and content of what the browser saves."""
    with page.expect_download() as download:
        page.keyboard.press(press)
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def asked_by_hand(page: Any, folder: Path) -> bytes:
    """What the command makes that the page copies."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#copy")
    shows(page, "#message", "Copied")
    command = page.evaluate("navigator.clipboard.readText()")
    assert command == page.text_content("#curl")
    subprocess.run(["bash", "-c", command], cwd=folder, check=True, env={"PATH": f"{Path(sys.executable).parent}:/bin"})
    (file,) = folder.iterdir()
    return file.read_bytes()


def test_what_is_saved_is_what_the_model_made(browser, gan, run_folder, tmp_path):
    asked = ("--step", 10, "--seed", 2, "--count", 1, "--truncation", 0.5, "--out", tmp_path / "own")
    succeed(run("-m", "aigc_tf", "generate", run_folder, *asked))
    expected = (tmp_path / "own" / "00000002.png").read_bytes()
    with opened(browser, gan) as page:
        assert page.text_content("h1") == "synthetic" and "version 10 · on this machine" in page.text_content("#facts")
        page.locator("#controls input").fill("0.5")
        page.keyboard.press("n")
        page.keyboard.press("n")
        shows(page, "#caption", "seed 2 · truncation 0.5")
        name, file = saved(page)
        assert (name, file) == ("synthetic-2.png", expected)
        assert "generated by" in Image.open(tmp_path / "own" / "00000002.png").text["Source"]
        expected_pixels = np.asarray(Image.open(tmp_path / "own" / "00000002.png").convert("RGB"))
        np.testing.assert_array_equal(pixels(page, "picture"), expected_pixels)
        (tmp_path / "curl").mkdir()
        assert asked_by_hand(page, tmp_path / "curl") == expected


def test_seeds_are_chosen_by_keys_fields_and_neighbours(browser, gan):
    with opened(browser, gan, has_touch=True) as page:
        page.locator("#strip button").nth(5).tap()
        shows(page, "#caption", "seed 5")
        assert page.get_attribute("#strip button >> nth=5", "aria-pressed") == "true"
        page.keyboard.press("p")
        shows(page, "#caption", "seed 4")
        page.fill("#seed", "9007199254740991")
        shows(page, "#caption", "seed 9007199254740991")
        shows(page, "#strip button >> nth=7", "9007199254740991")
        page.fill("#seed", "17")
        shows(page, "#strip button >> nth=1", "17")
        page.press("#seed", "n")  # which is typed there, and is no number
        page.click("summary:text('Keys')")
        page.uncheck("#keys")
        page.keyboard.press("n")
        page.wait_for_timeout(200)
        assert page.text_content("#caption") == "seed 17"
        page.locator("#picture").scroll_into_view_if_needed()
        box = page.locator("#picture").bounding_box()
        page.mouse.move(box["x"] + 200, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.mouse.up()
        shows(page, "#caption", "seed 18")


def test_the_way_to_another_seed_ends_there(browser, gan):
    with opened(browser, gan) as page:
        page.fill("#other", "6")
        page.fill("#share", "0.5")
        shows(page, "#caption", "seed 0 · 50 % of the way to seed 6 · numbers, no file")
        assert page.locator("#save").is_disabled() and '"decode"' in page.text_content("#curl")
        halfway = pixels(page, "picture")
        page.fill("#share", "1")
        shows(page, "#caption", "100 % of the way")
        end = pixels(page, "picture").astype(int)
        page.click("#reset")
        page.fill("#seed", "6")
        shows(page, "#caption", re.compile("^seed 6"))  # no way that leads there
        assert np.abs(pixels(page, "picture") - end).max() <= 1 and np.abs(halfway - end).max() > 1
        page.click("#play")
        shows(page, "#caption", re.compile(r"\d % of the way"))
        page.click("#play")
        shows(page, "#play", "Play")  # where it had just ended by itself, at its next end


def test_steps_along_directions(browser, gan):
    """Of a contract that tells some."""

    def with_directions(about: dict[str, Any]) -> dict[str, Any]:
        about["contract"]["signatures"]["decode"]["directions"] = np.eye(8)[[2, 5]].tolist()
        return about

    def asked() -> np.ndarray:
        return np.array(json.loads(re.search(r"--data '(.*)'", page.text_content("#curl"))[1])["inputs"]["latent"])

    with opened(browser, gan, about=with_directions) as page:
        page.click("summary:text('Directions')")
        first, second = page.locator("#directions input").all()
        first.fill("3")
        shows(page, "#caption", "seed 0 · +3 in direction 1 · numbers")
        before, there = asked(), pixels(page, "picture").astype(int)
        second.fill("-1.5")
        shows(page, "#caption", "seed 0 · +3 in direction 1 · -1.5 in direction 2")
        np.testing.assert_allclose(asked() - before, -1.5 * np.eye(8)[[5]], atol=2e-5)
        first.fill("0")
        shows(page, "#caption", "seed 0 · -1.5 in direction 2")
        np.testing.assert_allclose(before - asked(), np.eye(8)[[2]] * 3 + np.eye(8)[[5]] * 1.5, atol=2e-5)
        assert np.abs(pixels(page, "picture") - there).max() > 1
        page.click("#reset")
        assert "direction" not in shows(page, "#caption", re.compile("^seed 0$"))
    with opened(browser, gan) as page:
        assert page.locator("#of-directions").is_hidden() == (not page.locator("#directions input").count())


def test_ratings_are_kept_beside_the_run(browser, gan, run_folder):
    with opened(browser, gan) as page:
        page.keyboard.press("u")
        shows(page, "#message", "Good: seed 0. 1 rated, kept in")
        page.locator("#controls input").fill("0.25")
        shows(page, "#caption", "truncation 0.25")
        page.click("#bad")
        shows(page, "#message", "2 rated")
    lines = [json.loads(line) for line in (run_folder / "ratings.jsonl").read_text().splitlines()]
    assert [(each["seed"], each["settings"], each["rating"]) for each in lines] == [
        (0, {}, 1),
        (0, {"truncation": 0.25}, -1),
    ]
    assert {(each["model"], each["version"], each["label"], each["class"]) for each in lines} == {
        ("synthetic", 10, None, None)
    }
    assert all("with weights sha256:" in each["origin"] and re.match("2[0-9]{3}-", each["time"]) for each in lines)
    assert len({each["sha256"] for each in lines}) == 2
    for wrong in (b"", b"[]", b"{}", b"x" * 20_000, json.dumps({**lines[0], "rating": 2}).encode()):
        assert post(f"{gan}/ratings", wrong).status_code == 400
    assert len((run_folder / "ratings.jsonl").read_text().splitlines()) == 2


def test_the_latent_of_a_picture_is_found(browser, gan):
    with opened(browser, gan) as page:
        page.fill("#seed", "77")
        shows(page, "#caption", "seed 77")
        page.click("#take")
        np.testing.assert_array_equal(pixels(page, "drawing"), pixels(page, "picture"))
        page.click("#find")
        told = shows(page, "#made-caption", "The nearest that was found")
        assert float(told.rpartition(" ")[2]) < 0.001  # of other seeds it is 0.01 and more
        assert "the latent of your drawing" in page.text_content("#caption")
        page.fill("#share", "0.5")
        shows(page, "#caption", "the latent of your drawing · 50 % of the way to seed 100")


def test_a_drawing_is_reconstructed_and_encoded(browser, vae):
    with opened(browser, vae, has_touch=True) as page:
        assert page.locator("#find").is_hidden() and page.locator("#inpaint").is_hidden()
        assert page.locator("#class option").all_inner_texts() == ["any", "a", "b", "c"]
        page.select_option("#class", label="c")
        shows(page, "#caption", "seed 0 · class c")
        assert saved(page)[0] == "codes-0-c.png"
        assert (pixels(page, "drawing") == 255).all()
        page.fill("#colour", "#ff0000")
        page.fill("#width", "1")
        page.locator("#drawing").scroll_into_view_if_needed()
        box = page.locator("#drawing").bounding_box()
        page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.5 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])
        page.mouse.up()
        drawn = pixels(page, "drawing")
        assert (drawn[3:5, 1:8] == [255, 0, 0]).all() and (drawn[[0, -1]] == 255).all()
        page.touchscreen.tap(box["x"] + 0.5 * box["width"], box["y"] + 0.99 * box["height"])
        assert (pixels(page, "drawing")[-1, 4] == [255, 0, 0]).all()
        page.focus("#drawing")
        for key in (*["ArrowUp"] * 9, "Shift+ArrowLeft", "Tab"):
            page.keyboard.press(key)
        assert (pixels(page, "drawing")[0, 3:5] == [255, 0, 0]).all()
        page.click("#reconstruct")
        shows(page, "#made-caption", "Reconstructed; mean squared difference 0.")
        reconstructed = pixels(page, "made-picture").astype(int)
        page.click("#encode")
        shows(page, "#made-caption", "Encoded and decoded; mean squared difference 0.")
        assert np.abs(pixels(page, "made-picture") - reconstructed).max() <= 1
        np.testing.assert_array_equal(pixels(page, "made-picture"), pixels(page, "picture"))
        page.click("#clear")
        assert (pixels(page, "drawing") == 255).all()


def test_a_part_is_made_anew_by_a_real_server(browser, flow, real, tmp_path):
    with opened(browser, flow, refused=1) as page:
        page.select_option("#class", label="b")
        page.locator("#controls input").first.fill("2")
        shows(page, "#caption", re.compile("^seed 0 · class b · guidance 2$"))
        assert f"http://{real}/v1/models/flow/versions/3:predict" in page.text_content("#curl")
        page.click("#take")
        before = pixels(page, "drawing")
        page.click("#inpaint")
        shows(page, "#message", "Mark first what is to be made anew")
        page.fill("#width", "2")
        page.locator("#drawing").click()
        marked = (pixels(page, "drawing") != before).any(-1)
        assert 4 < marked.sum() < 40
        page.click("#inpaint")
        shows(page, "#caption", "made anew in part, by seed 0 · class b")
        made = pixels(page, "picture")
        np.testing.assert_array_equal(made[~marked], before[~marked])
        assert (made[marked] != before[marked]).any()
        name, file = saved(page)
        assert name == "flow-0-b.png" and asked_by_hand(page, tmp_path) == file
        page.click("#good")
        shows(page, "#message", "the rating was not kept: [Errno 28] No space left on device")


def test_a_server_that_is_gone_is_told_on_the_page(browser, published):
    with (
        serving(published) as server,
        playing("--server", server.rest, "--model", "digits") as address,
        opened(browser, address, refused=1) as page,
    ):
        assert page.locator("#good").is_hidden()  # nobody said where ratings go
        server.process.kill()
        server.process.wait(30)
        page.click("#next")
        said = shows(page, "#message", "is the server running there?")
        assert said == f"cannot reach {server.rest}: is the server running there?"


@pytest.mark.parametrize("width", [1100, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("model", ["gan", "flow"])
def test_axe_finds_nothing_and_nothing_is_too_wide(browser, model, scheme, width, request):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with opened(browser, request.getfixturevalue(model), width, color_scheme=scheme) as page:
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        found = axe.run(page, options={"resultTypes": ["violations", "passes"]})
        assert len(found.response["passes"]) > 15
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def ask(url: str, **options: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False  # past the proxy that tests set
        return session.request(options.pop("method", "GET"), url, timeout=60, **options)


def post(url: str, body: bytes | str, **headers: str) -> requests.Response:
    return ask(url, method="POST", data=body, headers=headers)


def test_other_sites_are_kept_out(flow):
    asking = json.dumps({"inputs": {"seed": [1], "label": [-1]}})
    predict = f"{flow}/v1/models/flow/versions/3:predict"
    assert post(predict, asking).status_code == 200
    assert post(predict, asking, origin=flow).status_code == 200
    for origin in ("http://elsewhere.org", "null", f"{flow}0", flow.replace("http", "https")):
        assert post(predict, asking, origin=origin).status_code == 403
    for host in ("elsewhere.org", "localhost.elsewhere.org", "127.0.0.1.elsewhere.org:80", "192.0.2.1"):
        for path in ("/", "/about.json", "/v1/models/flow/versions/3"):
            assert ask(f"{flow}{path}", headers={"host": host}).status_code == 403
    assert ask(f"{flow}/", headers={"host": "localhost:8600"}).status_code == 200
    policy = ask(f"{flow}/").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy


def test_nothing_else_of_a_server_is_handed_on(flow):
    assert ask(f"{flow}/v1/models/flow/versions/3").status_code == 200
    others = ("/v1/models/flow", "/v1/models/other", "/monitoring/prometheus/metrics", "/v1/models/flow/versions/3?x=1")
    for path in (*others, "/v1/models/flow/versions/3/../4", "/page.html", "/site.py"):
        assert ask(f"{flow}{path}").status_code == 404
    assert ask(f"{flow}/v1/models/flow/versions/3:predict").status_code == 404


def test_a_body_that_cannot_be_read_is_refused(flow):
    for path in ("/v1/models/flow/versions/3:predict", "/ratings"):
        answer = post(f"{flow}{path}", b"no gzip", **{"content-encoding": "gzip"})
        assert answer.status_code == 400 and "gzip" in answer.json()["error"].lower()


def test_what_plays_with_a_server_needs_no_tensorflow():
    rooms = ("commands.playground", "playground.site", "playground.forwarding", "playground.running", "serving.client")
    code = (
        f"import sys, {', '.join(f'aigc_tf.{room}' for room in rooms)}; raise SystemExit('tensorflow' in sys.modules)"
    )
    succeed(run("-c", code, fresh=True))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "give one of: a run folder, an export, or --server"),
        (["RUN", "--server", "localhost:8501", "--model", "digits"], "give one of"),
        (["RUN", "--version", 1], "--version and --label choose on a server"),
        (["EXPORT", "--step", 10], "--step chooses among what a run keeps"),
        (["RUN", "--step", 11], "has no checkpoint of step 11; it has 0, 10, 20"),
        (["RUN", "--port", 70000], "--port 70000 must be from 0 to 65535"),
        (["RUN", "--ratings", ROOT], "is a folder: give the file"),
        ([ROOT / "docs"], "is neither a run (it has no config.json) nor an export"),
        (["--server", "localhost", "--model", "digits"], "'localhost' is no HOST:PORT"),
        (["--server", "localhost:8501", "--model", "digits", "--version", -1], "versions count from 0"),
    ],
)
def test_it_refuses_in_a_sentence(tiny_run, flags, said):
    places = {"RUN": tiny_run, "EXPORT": tiny_run / "export" / "synthetic"}
    given = [places.get(flag, flag) for flag in flags]
    port = [] if "--port" in flags else ["--port", 0]
    assert said in refused(run(*PLAYGROUND, *given, *port))
