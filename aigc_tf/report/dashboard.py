"""What TensorBoard shows of a run beside its curves and pictures: what it is, how its charts are laid out, its result.

Each lies in a folder of its own below the run's `tensorboard`, so that going on from a checkpoint leaves it alone:
`about` is made when a run begins, `result` then too, and again with every judgement.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Iterator, Mapping

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.graph import keras_util
from tensorboard.plugins.hparams import api as hparams

from aigc_tf import plots
from aigc_tf.event_files import made_anew, open_writer
from aigc_tf.families import FAMILIES
from aigc_tf.run_folder import RunFolder

_logger = logging.getLogger("aigc_tf")
# Settings that change where a run lies, how it is watched and what is made of it, but not what it learns.
_HOUSEKEEPING = (
    *("data_dir", "licence", "log_every", "sample_every", "histogram_every", "checkpoint_every", "keep_checkpoints"),
    *("evaluate_every", "on_collapse", "on_divergence", "logs", "name", "evaluate", "export"),
)
_RESULTS = re.compile("fd_.*|precision|recall|memorised_share|label_accuracy")
"""Of the two dozen figures of a judgement, those that columns of a table can hold."""


@contextlib.contextmanager
def for_watchers() -> Iterator[None]:
    """Within it TensorBoard is told of the run as a whole. What it cannot be told (there are networks of which Keras
    cannot write down the layers) stops no training, and spoils no orderly end."""
    try:
        yield
    except Exception as error:
        _logger.warning("TensorBoard is told less of this run: %s", " ".join(str(error).split())[:500])


def tell_of(run: RunFolder, networks: Mapping[str, tf.keras.Model]) -> None:
    """Write `about`: data, parentage and machine as text, and the networks layer by layer.

    Raises OSError where the disk does not take it.
    """
    with made_anew(run.tensorboard / "about") as folder:
        writer = open_writer(folder)
        with writer.as_default(step=0):
            for file in (run.data_file, run.parentage_file, run.environment_file):
                if file.exists():
                    tf.summary.text(file.stem, f"```json\n{file.read_text()}\n```")
            tf.summary.graph(_graph(networks))
        writer.close()


def tell_result(run: RunFolder) -> None:
    """Write `result`: the layout of the charts, the settings as hyperparameters with the learning rates that it began
    with, and what became of the run so far, which are the minutes that it trained and, of the newest step that was
    judged, some figures.

    Raises OSError where the disk does not take it.
    """
    config, points = run.read_config(), plots.points_of(run)
    settings = {
        name: value if isinstance(value, (bool, int, float, str)) else str(value)
        for name, value in config.flat().items()
        if value is not None and name not in _HOUSEKEEPING
    }
    rates = {name: value for name, value in (points[0] if points else {}).items() if name.startswith("learning_rate/")}
    name = f"{run.path.absolute().parent.name}/{run.path.name}"  # TensorBoard takes runs of one name for one
    with made_anew(run.tensorboard / "result") as folder:
        writer = open_writer(folder)
        with writer.as_default(step=0):
            hparams.hparams({**settings, **rates}, trial_id=name)
            layout = custom_scalar.pb(_layout(config.model, points))
            tf.summary.experimental.write_raw_pb(layout.SerializeToString())
        for result, step, value in (*_judged(run), *_minutes(points, config.global_batch_size)):
            with writer.as_default(step=step):
                tf.summary.scalar(f"result/{result}", value)
        writer.close()


def _judged(run: RunFolder) -> Iterator[tuple[str, int, float]]:
    newest = run.newest_evaluation()
    if newest is None:
        return
    try:
        measures = json.loads(newest.read_text())["measures"]
        values = {name: float(figure["value"]) for name, figure in measures.items() if _RESULTS.fullmatch(name)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return  # damaged, or somebody else's
    for name, value in values.items():
        yield name, int(newest.stem), value


def _minutes(points: plots.Points, batch: int) -> Iterator[tuple[str, int, float]]:
    if points:
        yield "minutes", points[-1]["step"], plots.seconds(points, batch) / 60


def _layout(model: str, points: plots.Points) -> layout_pb2.Layout:
    """Curves that belong together in one chart, without those that never came. TensorBoard puts the charts of all runs
    together by the titles of categories and charts, so each family has a category of its own."""
    curves = plots.panels(model, points) if points else FAMILIES[model].curves
    panels = {  # of regular expressions, which are held against the beginnings of names
        **{title: tuple(f"{re.escape(name)}$" for name in names) for title, names in curves.items()},
        "learning rates": ("learning_rate/.*",),
        "images per second": ("speed/images_per_second",),
    }
    judged = {"Fréchet distance": ("evaluation/fd_.*",), "precision, recall": ("evaluation/(precision|recall)",)}
    return layout_pb2.Layout(
        category=[
            layout_pb2.Category(
                title=title,
                chart=[
                    layout_pb2.Chart(title=name, multiline=layout_pb2.MultilineChartContent(tag=tags))
                    for name, tags in charts.items()
                ],
            )
            for title, charts in ((f"training: {model}", panels), ("judgements", judged))
        ]
    )


def _graph(networks: Mapping[str, tf.keras.Model]) -> tf.compat.v1.GraphDef:
    """Their layers, by which TensorBoard would show a Keras model; as the graph of the run it shows them unasked."""
    graph = tf.compat.v1.GraphDef()
    for network in networks.values():
        layers = keras_util.keras_model_to_graph_def(json.loads(network.to_json()))
        graph.MergeFrom(tf.compat.v1.GraphDef.FromString(layers.SerializeToString()))
    return graph
