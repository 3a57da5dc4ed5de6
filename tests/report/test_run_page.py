"""The report of a run, made from the folders of real runs, and looked at in a real browser."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from browser import driven, look, needs_chromium
from commands import ROOT, refused, run, succeed
from evaluations import noise, record
from PIL import Image, ImageSequence

from aigc_tf.config import TrainConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.modalities import MODALITIES
from aigc_tf.report import curves, event_pictures, growth, page, run_page, using, words
from aigc_tf.run_folder import RunFolder

SPEC = DataSpec((8, 12, 4), 0, 50, (), "sha256:00", "nowhere", "free")


def copied(run_folder: Path, to: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(run_folder, to)))


def judge(folder: RunFolder, step: int, variant: str = "", report: bool = True) -> dict:
    evidence = noise((16, 16, 1))
    told = record(evidence, warnings=(f"beware of step {step}",))
    folder.evaluation_file(step, variant).write_text(json.dumps(told))
    if report:
        page.write(folder.report_file(step, variant), told, evidence)
    return told


def written(folder: RunFolder) -> str:
    run_page.write(folder)
    text = folder.page_file.read_text()
    ElementTree.fromstring(text)  # well-formed, or this raises
    assert len(text) < 4_000_000
    return text


def bare(path: Path, spec: DataSpec = SPEC, **settings: object) -> RunFolder:
    """A run that has not made a step."""
    folder = RunFolder(path)
    folder.create(TrainConfig.of(dataset="synthetic", **settings).with_budget(), spec, {"python": "3.11"})
    return folder


def draw(folder: RunFolder, steps: list[int], shape: tuple[int, int, int] = (8, 12, 4)) -> None:
    """Grids of noise, each of its own shade."""
    random = np.random.default_rng(0)
    for step in steps:
        images = random.integers(0, 256, (100, *shape), np.uint8)
        folder.sample_file(step, ".png").write_bytes(MODALITIES["image"].sheet(images, 10))


@pytest.fixture(scope="module")
def judged(tiny_run, tmp_path_factory) -> RunFolder:
    """A run that was judged three times, and went on once on another machine."""
    folder = copied(tiny_run, tmp_path_factory.mktemp("run") / "judged")
    for step, variant in ((10, ""), (20, ""), (20, "-raw")):
        judge(folder, step, variant, report=step == 20)
    environment = json.loads(folder.environment_file.read_text())
    folder.write_environment(10, {**environment, "cores": 77})
    written(folder)
    return folder


def test_a_run_that_ends_is_reported(tiny_run):
    text = RunFolder(tiny_run).page_file.read_text()
    assert "Serve it: model synthetic, version 1" in text and "Nobody has judged it yet" in text
    assert f"report of the run: {tiny_run}/report.html" in (tiny_run.parent / "printed").read_text()


@needs_chromium
def test_what_it_tells_is_there_to_read(judged):
    shown = look(judged.page_file)
    text = shown["text"]
    assert shown["headings"][0] == str(judged.path)
    assert shown["requests"] == []
    told = [
        "Step 20 of 20 steps",
        "beware of step 20",
        "step 20 raw:",
        "Loss",
        "generator: ",
        "cores\n77",
        "global batch size\n8",
    ]
    told += ["From one image to another", "What it learned from", "Checkpoints of steps 0, 10, 20 are kept"]
    told += [f"python train.py --resume {judged.path} --steps 40", "From step 10, where it differs"]
    for each in told:
        assert each in text, each
    assert "beware of step 10" not in text and text.count("tensorflow-addons") == 1
    assert all(natural > 0 for natural, _, _ in shown["images"])
    figure = json.loads(judged.evaluation_file(20).read_text())["measures"]["fd_lenet"]
    assert f"fd_lenet\xa0↓\t{words.number(figure['value'])}\t{words.interval(figure['interval'])}" in text


def test_it_leads_to_what_lies_beside_it_and_nowhere_else(judged):
    text = judged.page_file.read_text()
    assert not re.findall(r"<(?:script|link|iframe|object|embed|base|form)\b", text)
    links = re.findall(r'href="([^"]*)"', text)
    files = [link for link in links if not link.startswith("#")]
    assert files == ["evaluation/20/report.html", "evaluation/20-raw/report.html"]
    assert all((judged.path / file).is_file() for file in files)
    names = re.findall(r'\bid="([^"]*)"', text)
    assert len(names) == len(set(names))
    assert {link[1:] for link in links if link.startswith("#")} <= set(names)
    sources = re.findall(r'src="([^"]*)"', text)
    assert len(sources) > 4 and all(source.startswith("data:image/webp;base64,") for source in sources)


def test_the_animation_can_be_held_and_keeps_still_where_people_want_that(judged):
    with driven() as browser:
        for motion, first in (("no-preference", "moving"), ("reduce", "held")):
            seen = browser.new_page(reduced_motion=motion)
            seen.goto(judged.page_file.resolve().as_uri())
            assert [seen.locator(f".growth .{kind}").is_visible() for kind in ("moving", "held")] == [
                first == kind for kind in ("moving", "held")
            ]
            if motion == "no-preference":
                seen.get_by_label("Hold the last picture").press("Space")
                assert seen.locator(".growth .held").is_visible() and not seen.locator(".growth .moving").is_visible()
            else:
                assert not seen.get_by_label("Hold the last picture").is_visible()


def frames(shown: growth.Embedded) -> list[Image.Image]:
    file = base64.b64decode(shown.address.removeprefix("data:image/webp;base64,"))
    return [frame.copy() for frame in ImageSequence.Iterator(Image.open(io.BytesIO(file)))]


def test_of_many_grids_some_are_chosen_evenly_and_the_last_stays_longest(tmp_path):
    folder = bare(tmp_path / "run")
    draw(folder, list(range(5, 505, 5)))
    (folder.samples / "step-00000600 copy.png").write_bytes(b"somebody else's")
    grown = growth.of_run(folder, ".png", 8, 12)
    assert grown.count == 100 and grown.steps[0] == 5 and grown.steps[-1] == 500
    assert 12 <= len(grown.steps) <= 60 and set(np.diff(grown.steps)) <= {5, 10, 15, 20}
    moving = frames(grown.moving)
    assert len(moving) == len(grown.steps) and {frame.size for frame in moving} == {(142, 102 + 6)}
    durations = [frame.info["duration"] for frame in moving]
    assert set(durations[:-1]) == {6000 // (len(moving) - 1)} and durations[-1] == 2500
    assert len(grown.rows) == 8 and grown.rows[0][0] == 5 and grown.rows[-1][0] == 500


def test_a_few_examples_are_followed_along_the_diagonal(tmp_path):
    folder = bare(tmp_path / "run")
    images = np.zeros((100, 8, 12, 3), np.uint8)
    images[::11] = 255  # the diagonal of ten rows of ten
    folder.sample_file(5, ".png").write_bytes(MODALITIES["image"].sheet(images, 10))
    ((_, row),) = growth.of_run(folder, ".png", 8, 12).rows
    (pixels,) = map(np.asarray, frames(row))
    assert pixels.shape == (8, 10 * 14 - 2, 3)
    assert all(pixels[1:7, i * 14 + 1 : i * 14 + 11].min() > 200 for i in range(10))


def test_large_noise_stays_small_enough_to_send(tmp_path):
    folder = bare(tmp_path / "run", dataclasses.replace(SPEC, shape=(128, 128, 3)))
    draw(folder, list(range(500, 8_500, 500)), (128, 128, 3))
    written(folder)  # asserts the size


def test_a_grid_that_is_damaged_is_left_out(tmp_path, caplog):
    folder = bare(tmp_path / "run")
    draw(folder, [5, 10, 15])
    folder.sample_file(10, ".png").write_bytes(folder.sample_file(10, ".png").read_bytes()[:500])
    folder.sample_file(15, ".png").write_bytes(b"")
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    held = io.BytesIO()
    Image.fromarray(noise).save(held, "png")
    folder.sample_file(20, ".png").write_bytes(held.getvalue()[: 2**18] + bytes(2**18))  # as after a power cut
    vector = io.BytesIO()
    Image.fromarray(noise).save(vector, "eps")  # a program, which a viewer of those would run
    folder.sample_file(25, ".png").write_bytes(vector.getvalue())
    grown = growth.of_run(folder, ".png", 8, 12)
    assert grown.steps == [5] and grown.moving is None
    for step in (10, 15, 20, 25):
        assert f"step-000000{step}.png is left out" in caplog.text


def test_the_last_pictures_in_tensorboards_events_are_found(tiny_run, tmp_path):
    found = event_pictures.newest(tiny_run / "tensorboard")
    expected = {}
    for path in sorted((tiny_run / "tensorboard").glob("events.*")):
        for text in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(text)
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "images":
                    expected[value.tag] = event.step, tf.io.decode_png(value.tensor.string_val[2]).numpy()
    assert found.keys() == expected.keys() == {"real", "samples/averaged", "samples/raw", "samples/interpolation"}
    for name, (step, picture) in found.items():
        assert step == expected[name][0] == (0 if name == "real" else 20)
        np.testing.assert_array_equal(np.asarray(picture), expected[name][1][..., 0])


@pytest.mark.parametrize("damage", ["cut", "noise", "length"])
def test_events_that_are_damaged_cost_only_what_comes_behind(tiny_run, tmp_path, damage):
    folder = Path(shutil.copytree(tiny_run / "tensorboard", tmp_path / "events"))
    (file,) = folder.glob("events.*")
    whole = file.read_bytes()
    ends = {"cut": whole[:-7], "noise": whole[:-300] + b"\xff" * 300, "length": whole + b"\xff" * 40}
    file.write_bytes(ends[damage])
    assert "real" in event_pictures.newest(folder)


def test_curves_are_told_in_words(tmp_path):
    rising = [{"step": 50 * i, "loss/generator": i / 1000, "loss/discriminator": float("nan")} for i in range(1, 2001)]
    panels = {each.title: each for each in curves.of_run("gan", rising, [{"step": 5, "fd_lenet": 3.0}])}
    assert panels["loss"].told == {
        "generator": "0.001 at step 50, 2 at step 100,000; from 0.001 (step 50) to 2 (step 100,000)",
        "discriminator": "nan throughout",
    }
    assert panels["Fréchet distance of quick judgements"].told == {"fd_lenet": "3 at step 5"}
    assert len(panels) == 2 and all(len(each.svg) < 60_000 for each in panels.values())
    (constant,) = curves.of_run("gan", [{"step": i, "learning_rate/x": 0.5} for i in (1, 2)], [])
    assert constant.told == {"x": "0.5 throughout"}


def test_many_points_are_thinned_to_means():
    steps, values = curves._thinned([(step, float(step % 2)) for step in range(1, 2001)])
    assert len(steps) == 500 and steps[-1] == 2000 and set(values) == {0.5}


@pytest.mark.parametrize("model", ["gan", "vae", "diffusion"])
def test_what_a_run_lacks_is_left_out(tmp_path, model):
    folder = bare(tmp_path / "run", model=model)
    text = written(folder)
    assert "Nobody has judged it yet" in text and "No version of it was published" in text
    for part in ("growth", "pictures", "curves", "parentage"):
        assert f'id="{part}"' not in text
    folder.metrics_file.write_text('{"step": 5, "speed/images_per_second": 10.0}\n')
    for file in (folder.environment_file, folder.data_file.with_name("parentage.json")):
        file.write_text("[]")
    text = written(folder)
    assert "images per second: 10 at step 5" in text and "It is not recorded" in text


@pytest.mark.parametrize("before", ["run_of_0.1.0", "run_of_tensorflow_2.21"])
def test_a_run_of_before_can_be_reported(tmp_path, before):
    folder = copied(ROOT / "tests" / "data" / before, tmp_path / "run")
    text = written(folder)
    assert "Serve it: model synthetic, version 1" in text and "Step 10 of 10 steps" in text


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"measures": {"precision": 1}}'])
def test_a_judgement_that_is_damaged_is_left_out(tiny_run, tmp_path, content):
    folder = copied(tiny_run, tmp_path / "run")
    judge(folder, 10, report=False)
    folder.evaluation_file(20).write_text(content)
    text = written(folder)
    assert "beware of step 10" in text


def test_names_of_a_person_stay_text(tmp_path):
    evil = '</title><script>alert("1")</script>&\x00$x$'
    spec = DataSpec(
        (8, 8, 1),
        2,
        50,
        ("<i>a_b</i>", evil),
        "sha256:00",
        evil,
        "<b>free</b>",
        class_counts=(20, 30),
        figures={evil: [{evil: evil}]},
    )
    folder = bare(tmp_path / "<b>'run' \"one\"", spec)
    judge(folder, 5, report=False)
    told = json.loads(folder.evaluation_file(5).read_text())
    told["warnings"] = [evil]
    folder.evaluation_file(5).write_text(json.dumps(told))
    (folder.evaluation / "5-<b>.json").write_text(json.dumps(told))
    (folder.export / "<b>x" / "1").mkdir(parents=True)
    text = written(folder)
    assert "<script" not in text and "<b>" not in text and "<i>" not in text
    read = "".join(ElementTree.fromstring(text).itertext())
    assert "<i>a_b</i>" in read and '</title><script>alert("1")</script>&\ufffd$x$' in read
    assert "--model_name='<b>x'" in read and "localhost:8501/v1/models/%3Cb%3Ex:predict" in read


def test_commands_are_for_the_shell_whatever_the_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = bare(Path("-a 'run'"), epochs=2.5)
    (folder.export / "x" / "1").mkdir(parents=True)
    commands = using.of_run(folder, folder.read_config())
    assert commands["Go on training"] == """python train.py --resume './-a '"'"'run'"'"'' --epochs 5.0"""
    (model,) = using.models(folder)
    assert (
        """--volume "$PWD"/'./-a '"'"'run'"'"'/export/x':/models/x:ro"""
        in model.commands["TensorFlow Serving in a container"]
    )
    assert not model.note
    (tmp_path / "a*").mkdir()
    shutil.move(folder.path, tmp_path / "a*" / "run")
    (model,) = using.models(RunFolder(tmp_path / "a*" / "run"))
    assert "for a pattern" in model.note


def test_the_command_reports_a_run_without_tensorflow(tiny_run, tmp_path):
    folder = copied(tiny_run, tmp_path / "run")
    folder.page_file.unlink()
    told = "import runpy, sys; sys.argv = ['aigc_tf', 'report', sys.argv[1]]\n"
    told += "try:\n    runpy.run_module('aigc_tf', run_name='__main__')\n"
    told += "finally:\n    assert 'tensorflow' not in sys.modules and 'sklearn' not in sys.modules"
    assert succeed(run("-c", told, folder.path, fresh=True)) == f"{folder.page_file}\n"
    assert folder.page_file.is_file()
    assert "is no run folder" in refused(run("-m", "aigc_tf", "report", tmp_path))
