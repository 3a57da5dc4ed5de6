"""Start several workers of one training on a Ray cluster: `python -m aigc_tf.launch.ray --workers 2 -- --steps 100`.

What stands behind `--` are the flags of train.py. Ray Train places the workers, tells each its TF_CONFIG and starts all
anew where one is lost. Each is a process of its own beside Ray's, whose threads no signal could end in order.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

import aigc_tf
from aigc_tf import interruption, quiet
from aigc_tf.command_line import guarded, parse
from aigc_tf.errors import FaultError, UserError
from aigc_tf.launch import command
from aigc_tf.run_folder import RunFolder
from aigc_tf.shell import quoted
from aigc_tf.train_command import parse_training

_PROGRAM = "python -m aigc_tf.launch.ray"
_LOCAL = "local"
_MISTAKE = 2
_TICK_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Ray:
    """Start several workers of one training on a Ray cluster: the flags of train.py follow behind --.

    Where a worker is lost or fails, all are started anew, and go on from the last checkpoint. Exit status: that of
    train.py.
    """

    workers: Annotated[int, arg(help="Workers to start, on as many machines where the cluster has them.")] = 2
    restarts: Annotated[int, arg(help="How often all are started anew; -1 for ever.")] = 3
    address: Annotated[
        str, arg(help="Ray cluster that this machine belongs to, such as auto; by default one on this machine alone.")
    ] = _LOCAL
    cpus: Annotated[int, arg(help="Processors that Ray keeps for each worker.")] = 1
    gpus: Annotated[int, arg(help="GPUs that each worker trains on.")] = 0

    def __post_init__(self) -> None:
        if self.workers < 1 or self.cpus < 1 or self.gpus < 0 or self.restarts < -1:
            raise UserError("--workers and --cpus must be at least 1, --gpus at least 0 and --restarts at least -1")


@dataclasses.dataclass(frozen=True)
class Training:
    """One training, as each worker begins it or goes on with it.

    Attributes:
        run: its folder.
        begin: the flags of train.py where the folder is not there yet.
        go_on: and where it is.
        cwd: where relative paths begin.
    """

    run: Path
    begin: list[str]
    go_on: list[str]
    cwd: Path = dataclasses.field(default_factory=Path.cwd)

    @classmethod
    def of(cls, flags: list[str]) -> Training:
        """Raises UserError for what train.py would refuse."""
        start, config = parse_training([*flags, "--strategy", "multi-worker"], _PROGRAM)
        if start.dry_run:
            raise UserError("--dry-run starts no workers: give it to train.py itself")
        if start.resume is not None:
            return cls(start.resume, flags, flags)
        run = RunFolder.planned(config).path
        go_on = ["--resume", str(run), *(["--quiet"] if start.quiet else [])]
        return cls(run, [*flags, "--name", run.name], go_on)

    @property
    def is_begun(self) -> bool:
        return (self.cwd / self.run / "config.json").exists()

    def started(self) -> subprocess.Popen:
        """The process of one worker, which Ray has told of the others by TF_CONFIG."""
        addresses = json.loads(os.environ["TF_CONFIG"])["cluster"]["worker"]
        hosts = [address.rpartition(":")[0] for address in addresses]
        environment = {**os.environ, "no_proxy": command.not_by_proxy(hosts)}
        flags = self.go_on if self.is_begun else self.begin
        return subprocess.Popen(command.of_worker(flags), cwd=self.cwd, env=environment)


class Ending:
    """What all workers ask now and then: the exit status with which all are to end, None while they train."""

    def __init__(self) -> None:
        self._status: int | None = None

    def tell(self, status: int) -> None:
        self._status = status

    def status(self) -> int | None:
        return self._status


def work(training: Training, ending: Any) -> int:
    """What Ray calls on each worker; returns the exit status, and raises where all are to be started anew."""
    import ray.train

    def told() -> int | None:
        return ray.get(ending.status.remote())

    if (status := told()) is not None:  # what ended it has failed another worker, too
        return status
    if not training.cwd.is_dir():
        print(f"error: {training.cwd} is not on this machine: all workers must share one file system", file=sys.stderr)
        ray.get(ending.tell.remote(_MISTAKE))
        return _MISTAKE
    asked = None
    with training.started() as process:
        while process.poll() is None:
            if asked is None and (asked := told()) is not None:
                process.send_signal(signal.SIGKILL if asked == _MISTAKE else signal.SIGTERM)
            try:
                process.wait(_TICK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    if process.returncode == _MISTAKE:
        ray.get(ending.tell.remote(_MISTAKE))
    if told() == _MISTAKE:
        return _MISTAKE
    if process.returncode not in (0, interruption.STOPPED_EARLY) and asked is None:
        rank = ray.train.get_context().get_world_rank()
        raise RuntimeError(f"worker {rank}: train.py ended with status {process.returncode}")  # which Ray shows
    return process.returncode if process.returncode >= 0 else 1


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    own, flags = command.divided(arguments)
    options: Ray = parse(Ray, own, _PROGRAM)
    training = Training.of(flags)
    with _connected(options) as ray, tempfile.TemporaryDirectory() as notes:
        from ray.train import FailureConfig, LoggingConfig, RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.tensorflow import TensorflowTrainer

        here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
        ending = ray.remote(num_cpus=0, label_selector=here)(Ending).remote()
        trainer = TensorflowTrainer(
            functools.partial(work, training, ending),
            scaling_config=ScalingConfig(
                num_workers=options.workers,
                use_gpu=options.gpus > 0,
                resources_per_worker={"CPU": options.cpus, "GPU": options.gpus},
                placement_strategy="SPREAD",
            ),
            run_config=RunConfig(
                storage_path=notes,  # of Ray's own: the checkpoints lie in the run folder
                failure_config=FailureConfig(max_failures=options.restarts),
                logging_config=LoggingConfig(log_level="ERROR"),
            ),
        )
        try:
            return _awaited(trainer.fit, lambda: ending.tell.remote(interruption.STOPPED_EARLY)).return_value
        except TrainingFailedError as error:
            if ray.get(ending.status.remote()) == _MISTAKE:
                return _MISTAKE
            reason = " ".join(str(error).split())[-300:]
            go_on = f": go on with --resume {quoted(training.run)}" if training.is_begun else ""
            failed = f"a worker failed once more than --restarts {options.restarts} allows ({reason})"
            raise FaultError(f"{failed}{go_on}") from None


@contextmanager
def _connected(options: Ray) -> Iterator[Any]:
    """Ray, while it belongs to the cluster; one that nobody else has ends with us."""
    own: dict[str, Any] = {}
    if options.address == _LOCAL:
        own = {"num_cpus": options.workers * options.cpus, "include_dashboard": False}
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex())
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray

        quiet.import_tensorflow(errors_of_core=False)  # as the next line does
        import ray.train.tensorflow
    except ImportError as error:
        raise UserError(f"{_PROGRAM} needs Ray ({error}): pip install -r requirements-ray.txt") from None
    path = filter(None, [str(Path(aigc_tf.__file__).parent.parent), os.environ.get("PYTHONPATH")])
    environment = {"PYTHONPATH": os.pathsep.join(path), "TF_CPP_MIN_LOG_LEVEL": os.environ["TF_CPP_MIN_LOG_LEVEL"]}
    try:
        ray.init(
            options.address,
            runtime_env={"env_vars": environment},
            logging_config=ray.LoggingConfig(log_level="ERROR"),
            **own,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(f"--address {options.address} leads to no Ray cluster ({error})") from None
    try:
        _check_room(options, ray.cluster_resources())
        yield ray
    finally:
        ray.shutdown()


def _check_room(options: Ray, resources: dict[str, float]) -> None:
    """Raise UserError where this machine has too little for all workers; a cluster of others may grow."""
    for kind, each in (("CPU", options.cpus), ("GPU", options.gpus)):
        needed, there = options.workers * each, int(resources.get(kind, 0))
        if needed <= there:
            continue
        told = f"{options.workers} workers need {needed} {kind}s, and the cluster has {there}"
        if options.address == _LOCAL:
            raise UserError(f"{told}: give less to each, or --address of a larger one")
        print(f"{told}: they wait until it has more", file=sys.stderr)


def _awaited(call: Callable[[], Any], ask: Callable[[], object]) -> Any:
    """What `call` returns; the first signal that would end this process asks for an end, the second breaks off.

    It is called in another thread, since in this one Ray Train would answer Ctrl-C itself, by dropping all at once.
    """
    future: Future = Future()
    asked: list[int] = []

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    def end(number: int, _: object) -> None:
        asked.append(number)
        if len(asked) > 1:
            raise KeyboardInterrupt
        ask()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    threading.Thread(target=run, daemon=True).start()
    return future.result()


if __name__ == "__main__":
    interruption.leave_imports_at_once()
    raise SystemExit(guarded(lambda: main(sys.argv[1:])))
