"""What every test may rely on: two CPU devices, no network but loopback, a cache of its own."""

import os
import tempfile
from pathlib import Path

# Nothing listens there: whatever asks for the network is refused at once, here and in the commands that tests run.
for _name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
    os.environ[_name] = "http://127.0.0.1:9"
if "PYTEST_XDIST_WORKER" not in os.environ:  # workers share the cache of the process that started them
    os.environ["AIGC_TF_CACHE"] = tempfile.mkdtemp(prefix="aigc_tf-tests-")

from aigc_tf.quiet import import_tensorflow  # noqa: E402

import_tensorflow()
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402
from commands import TINY, made_once, run, succeed, train  # noqa: E402

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start processes take minutes: they come first, so that no worker is left alone with one at the end.

    In the order of their names without folders, since files of one folder share what one worker makes meanwhile.
    """
    items.sort(key=lambda item: (not {"run", "ROOT", "serving"} & vars(item.module).keys(), item.path.name))


@pytest.fixture(scope="session")
def tiny_run() -> Path:
    """Folder of a run of 20 steps, with checkpoints of steps 0, 10 and 20 and an export; tests leave it as it is.

    The file `printed` beside it is what its training printed.
    """

    def make(logs: Path) -> None:
        printed = succeed(train(*TINY, "--steps", 20, "--logs", logs, "--name", "run", "--no-evaluate"))
        (logs / "printed").write_text(printed)

    return made_once("tiny-run", make) / "run"


@pytest.fixture(scope="session")
def explored(tiny_run) -> Path:
    """The exploration of that run; tests leave it as it is."""

    def make(folder: Path) -> None:
        succeed(run("-m", "aigc_tf", "explore", tiny_run, "--out", folder))

    return made_once("exploration", make)
