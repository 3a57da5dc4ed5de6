"""TensorBoard on real runs, as a browser shows it."""

from __future__ import annotations

import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import tensorflow as tf
from commands import TINY, killed_behind, refused, run, succeed, train
from PIL import Image
from report.browser import driven
from screenshots import SIZE, click_anywhere, keep, open_tab, served, wait_for_anywhere

from aigc_tf import event_files
from aigc_tf.report import dashboard
from aigc_tf.run_folder import RunFolder

# What shows that a tab has found what the runs hold, in the page or in a frame of it.
SHOWN = {
    "timeseries": ["scalar-card line-chart", "text=accuracy/fake"],
    "scalars": ["vz-line-chart2 svg", "text=/^gradient_norm$/"],
    "custom_scalars": ["text=training: gan", "text=/Matches .[1-9]/", "text=Fréchet distance", "vz-line-chart2"],
    "images": ["tf-image-loader img", "text=evaluation/real", "text=/^samples$/"],
    "histograms": ["text=/generator.*kernel/"],
    # Beside the name that the second run had when its settings were first read: where it was copied from.
    "hparams": ["text=logs/often", "text=tiny-run/run", "text=result/minutes", "text=result/fd_lenet"],
    "graphs": ["text=lean_generator", "text=lean_discriminator"],
    "text": ["text=global_batch_size", "text=fingerprint", "text=/^environment/"],
    "pr_curves": ["text=evaluation/discriminator"],
    "projector": ["text=/Points: *[1-9]/"],
}


@pytest.fixture(scope="module")
def logs(tiny_run, tmp_path_factory) -> Path:
    """Two runs: `often` with a grid at each of 12 steps, and `two` of 20 steps, which was killed behind the tenth."""
    folder = tmp_path_factory.mktemp("board") / "logs"
    often = [1 if before == "--sample-every" else flag for before, flag in zip(["", *TINY], TINY)]
    quick = ("--no-evaluate", "--no-export")
    succeed(train(*often, *quick, "--steps", 12, "--logs", folder, "--name", "often"))
    killed_behind(10, tiny_run, folder / "two")
    return folder


@pytest.fixture(scope="module")
def board(logs) -> Iterator[str]:
    """The address of TensorBoard, which had read all 20 steps of the run `two` when that went on from the tenth."""
    with served(logs) as (address, process):
        wait_for(address, "two/tensorboard", "loss/generator", step=20)
        succeed(train("--resume", logs / "two", "--steps", 30, "--evaluate", "--no-export"))
        wait_for(address, "two/tensorboard/result", "result/fd_lenet", step=30)
        wait_for(address, "two/tensorboard", "loss/generator", step=30)
        yield address
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0]
        assert process.returncode in (0, 130) and "Traceback" not in said, said


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    with driven() as browser:
        yield browser.new_page(viewport=SIZE)


def asked(address: str, plugin: str, **what: object) -> Any:
    """What TensorBoard's page is told of a curve or of pictures."""
    with requests.Session() as session:
        session.trust_env = False  # past the proxy that tests set
        answer = session.get(f"{address}data/plugin/{plugin}", params=what, timeout=60)
    return answer.json() if answer.ok else []


def steps_of(address: str, name: str, tag: str = "loss/generator") -> list[int]:
    """The steps of a curve of a run as TensorBoard has them."""
    return [step for _, step, _ in asked(address, "scalars/scalars", run=name, tag=tag)]


def wait_for(address: str, name: str, tag: str, step: int) -> None:
    """Wait until TensorBoard has read on to that step of a curve."""
    deadline = time.monotonic() + 120
    while step not in (found := steps_of(address, name, tag)):
        assert time.monotonic() < deadline, f"TensorBoard shows {found} of {name}"
        time.sleep(0.5)


def test_what_a_run_takes_back_is_gone_from_a_board_that_had_read_it(board):
    assert steps_of(board, "often/tensorboard") == [5, 10, 12]
    assert steps_of(board, "two/tensorboard") == [5, 10, 15, 20, 25, 30]


def test_every_grid_of_samples_is_kept(board):
    grids = asked(board, "images/images", run="often/tensorboard", tag="samples/averaged", sample=0)
    assert [grid["step"] for grid in grids] == list(range(1, 13))


def test_a_chart_holds_its_curves_and_no_others(board):
    layout = asked(board, "custom_scalars/layout")
    (training,) = [each for each in layout["category"] if each["title"] == "training: gan"]
    (loss,) = [each["multiline"]["tag"] for each in training["chart"] if each["title"] == "loss"]
    told = asked(board, "custom_scalars/scalars", run="two/tensorboard", tag="|".join(f"({each})" for each in loss))
    assert sorted(told["tag_to_events"]) == ["loss/discriminator", "loss/generator"]
    assert not [each for each in training["chart"] if each["title"] == "adaptive augmentation"]


@pytest.mark.parametrize("tab", SHOWN)
def test_a_tab_shows_what_the_runs_hold(board, page, tab):
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    open_tab(page, board, tab)
    for shown in SHOWN[tab]:
        wait_for_anywhere(page, shown)
    assert faults == []


def test_a_slider_goes_through_the_steps_of_a_grid(board, page):
    open_tab(page, board, "images")
    click_anywhere(page, "text=/^samples$/")
    wait_for_anywhere(page, "tf-image-loader paper-slider")


def test_settings_and_results_of_all_runs_lie_side_by_side(board, page):
    open_tab(page, board, "hparams")
    click_anywhere(page, "text=/parallel coordinates view/i")
    wait_for_anywhere(page, "tf-hparams-parallel-coords-plot svg path")


def test_pictures_are_kept_of_what_the_readme_shows(board, page, tmp_path):
    for file in keep(page, board, tmp_path):
        picture = np.asarray(Image.open(file).convert("L"))
        assert picture.shape == (SIZE["height"], SIZE["width"]) and len(np.unique(picture)) > 50, file


def test_a_profile_is_recorded_where_somebody_asks_for_one(tmp_path):
    asked = ("--steps", 30, "--profile", 5, "--no-evaluate", "--no-export")
    succeed(train(*TINY, *asked, "--logs", tmp_path, "--name", "run"))
    (trace,) = (tmp_path / "run" / "tensorboard").glob("plugins/profile/*/*.xplane.pb")
    assert b"lean_generator/conv2d/Conv2D" in trace.read_bytes()  # an operation of the step, by its name
    assert "--profile 0 must be at least 1" in refused(train("--profile", 0))


def test_a_record_that_is_damaged_costs_no_run_anything(tiny_run, tmp_path):
    folder = RunFolder(Path(shutil.copytree(tiny_run, tmp_path / "run")))
    folder.evaluation.mkdir(exist_ok=True)
    for content in ("", "[]", '{"measures": {"precision": 1}}'):
        folder.evaluation_file(20).write_text(content)
        dashboard.tell_result(folder)
    assert len(list((folder.tensorboard / "result").iterdir())) == 1


def test_a_folder_is_made_anew_by_several_at_once(tmp_path):
    folder = tmp_path / "result"

    def make(number: int) -> None:
        with event_files.made_anew(folder) as building:
            (building / "number").write_text(str(number))
            other = tmp_path / f"other-{number}"  # as another process does meanwhile
            (other / "deep").mkdir(parents=True)
            shutil.rmtree(folder, ignore_errors=True)
            other.rename(folder)

    for number in range(2):
        make(number)
        assert list(tmp_path.iterdir()) == [folder]


def test_layers_that_keras_cannot_write_down_stop_no_training(tiny_run, tmp_path, monkeypatch, caplog):
    class Untold(tf.keras.layers.Layer):
        def __init__(self, factor: np.ndarray) -> None:
            super().__init__()

        def call(self, x: tf.Tensor) -> tf.Tensor:
            return x

    image = tf.keras.Input([2])
    network = tf.keras.Model(image, Untold(np.ones(2))(image))
    with pytest.raises(NotImplementedError):
        network.to_json()
    folder = RunFolder(Path(shutil.copytree(tiny_run, tmp_path / "run")))

    with dashboard.for_watchers():
        dashboard.tell_of(folder, {"network": network})
    assert "TensorBoard is told less of this run" in caplog.text


def test_mistakes_are_one_line(tmp_path):
    assert "is no folder" in refused(run("-m", "aigc_tf", "board", tmp_path / "none"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused(run("-m", "aigc_tf", "board", tmp_path, "--port", taken.getsockname()[1]))
        assert "cannot listen on 127.0.0.1:" in said
    assert "cannot listen on 192.0.2.1" in refused(
        run("-m", "aigc_tf", "board", tmp_path, "--host", "192.0.2.1", "--port", 1)
    )
    assert "--port 70000 must be from 0 to 65535" in refused(run("-m", "aigc_tf", "board", tmp_path, "--port", 70000))
