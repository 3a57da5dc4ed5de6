"""The record of one run on disk; the one place that knows what lies where in logs/RUN."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import re
import shutil
import sys
import uuid
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from aigc_tf import json_lines, onednn
from aigc_tf.atomic_files import write_atomically
from aigc_tf.config import TrainConfig
from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import UserError
from aigc_tf.shell import quoted

_LONGEST_PATH_INSIDE = 600  # bytes of a run's name and of what lies in it, temporary names included


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """Paths of one run:

    config.json       enough to run it again (`train.py --config`)
    data.json         the images it learns from: source, size, content hash, licence
    parentage.json    which model it began with, where it did not begin from nothing (`train.py --from`)
    environment.json  versions, commit and machine; environment-from-step-N.json where the run was resumed
    metrics.jsonl     one line of figures per point of the curves
    curves.png        the same as a picture, when training ends
    tensorboard/      the same, with pictures, for TensorBoard
    samples/          sample grids by step
    checkpoints/      what `--resume` goes on from
    evaluation/       per judged step one JSON file, and a folder with the same as a report to read
    export/           versioned SavedModels for TensorFlow Serving
    report.html       all of it on one page, when training ends
    exploration/      a page of what the model can make, where somebody asked for it
    ratings.jsonl     what somebody thought of pictures in the playground, one line each
    """

    path: Path

    @property
    def config_file(self) -> Path:
        return self.path / "config.json"

    @property
    def data_file(self) -> Path:
        return self.path / "data.json"

    @property
    def parentage_file(self) -> Path:
        return self.path / "parentage.json"

    @property
    def environment_file(self) -> Path:
        return self.path / "environment.json"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def curves_file(self) -> Path:
        return self.path / "curves.png"

    @property
    def page_file(self) -> Path:
        return self.path / "report.html"

    @property
    def exploration(self) -> Path:
        return self.path / "exploration"

    @property
    def ratings_file(self) -> Path:
        return self.path / "ratings.jsonl"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def export(self) -> Path:
        return self.path / "export"

    def sample_file(self, step: int, suffix: str) -> Path:
        """`suffix` is that of the files of what the model makes (see `Modality`)."""
        return self.samples / f"step-{step:08d}{suffix}"

    @property
    def evaluation(self) -> Path:
        return self.path / "evaluation"

    def evaluation_file(self, step: int, variant: str = "") -> Path:
        """`variant` tells apart what else was judged of that step: "-raw", "-inception"."""
        return self.evaluation / f"{step}{variant}.json"

    def newest_evaluation(self) -> Path | None:
        """The record of the newest step that was judged as usual; None where none was."""
        judged = [file for file in self.evaluation.glob("*.json") if file.stem.isdecimal()]
        return max(judged, key=lambda file: int(file.stem), default=None)

    def report_file(self, step: int, variant: str = "") -> Path:
        return self.evaluation / f"{step}{variant}" / "report.html"

    @property
    def judgements_file(self) -> Path:
        """One line of figures per judgement during training (`--evaluate-every`)."""
        return self.evaluation / "during-training.jsonl"

    @classmethod
    def planned(cls, config: TrainConfig) -> RunFolder:
        """Where a new run of `config` goes; makes nothing. Raises UserError if a run of that name is there, or if its
        files would have longer paths than the system takes."""
        longest = os.pathconf("/", "PC_PATH_MAX") - _LONGEST_PATH_INSIDE
        if len(os.fsencode(config.logs.absolute())) > longest:
            raise UserError(
                f"--logs is a path of more than {longest} bytes, too long for the files of a run: take another"
            )
        if config.name is not None:
            run = cls(config.logs / config.name)
            if run.path.exists():
                resume = f"--resume {quoted(run.path)}"
                raise UserError(f"{run.path} exists already: choose another --name, or go on with {resume}")
            return run
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{config.data_name}-{config.family.title}"
        path, number = config.logs / name, 1
        while path.exists():
            number += 1
            path = config.logs / f"{name}-{number}"
        return cls(path)

    def create(
        self,
        config: TrainConfig,
        spec: DataSpec,
        environment: dict[str, Any],
        parentage: dict[str, Any] | None = None,
    ) -> None:
        """Make the folder, whole or not at all, and write down what the run is and what it began with. Raises UserError
        where that fails."""
        building = self.path.with_name(f".new-{uuid.uuid4().hex}")  # the run's own name may be as long as names can be
        try:
            building.mkdir(parents=True)
            draft = RunFolder(building)
            for folder in (draft.tensorboard, draft.samples, draft.checkpoints, draft.evaluation):
                folder.mkdir()
            write_atomically(draft.data_file, json.dumps(spec.as_dict(), indent=2) + "\n")
            if parentage is not None:
                write_atomically(draft.parentage_file, json.dumps(parentage, indent=2) + "\n")
            draft.write_environment(0, environment)
            draft.write_config(config)
            os.rename(building, self.path)
        except OSError as error:
            shutil.rmtree(building, ignore_errors=True)
            reason = error.strerror or str(error)
            raise UserError(
                f"cannot make the run folder {self.path}: {reason} (choose another --logs or --name)"
            ) from None

    def write_environment(self, step: int, environment: dict[str, Any]) -> None:
        """Record what the run goes on with from `step`; the first one is `environment.json`."""
        name = "environment.json" if step == 0 else f"environment-from-step-{step}.json"
        write_atomically(self.path / name, json.dumps(environment, indent=2) + "\n")

    def choose_kernels(self) -> None:
        """Let TensorFlow, which must not be imported yet, compute as it did when the run was begun or last resumed, and
        tell the person where that is not today's way."""
        if told := onednn.choose_as(self._tensorflow_variables()):
            print(told, file=sys.stderr)

    def _tensorflow_variables(self) -> dict[str, str]:
        later = self.path.glob("environment-from-step-*.json")
        steps = {int(step): file for file in later if (step := file.stem.rpartition("-")[2]).isdigit()}
        newest = steps[max(steps)] if steps else self.environment_file
        try:
            found = json.loads(newest.read_text())["tensorflow_variables"]
            return {str(name): str(value) for name, value in found.items()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {}  # written by a person, or gone: training needs none of it

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run. Raises UserError for a folder that is none."""
        run = cls(Path(path))
        if run.path.is_file():
            raise UserError(f"{path} is a file: give the run's folder")
        for file in (run.config_file, run.data_file):
            if not file.is_file():
                raise UserError(f"{path} is no run folder of aigc_tf: it has no {file.name}")
        return run

    def read_config(self) -> TrainConfig:
        try:
            return TrainConfig.from_json(self.config_file.read_text(), str(self.config_file), record=True)
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read {self.config_file}: {error}") from None

    def read_spec(self) -> DataSpec:
        """The DataSpec of the run's images, without the images."""
        try:
            return DataSpec.from_dict(json.loads(self.data_file.read_text()))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{self.data_file} is damaged ({error!r}): take the one of a copy of the run") from None

    def read_parentage(self) -> dict[str, Any] | None:
        """Which model the run began with, as JSON values; None for one that began from nothing. Raises UserError where
        the record of that is damaged."""
        try:
            found = json.loads(self.parentage_file.read_text())
            return {"fingerprint": found["fingerprint"], **found}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise UserError(f"{self.parentage_file} is damaged ({error!r}): take that of a copy of the run") from None

    def check_same_parent(self, parentage: dict[str, Any] | None) -> None:
        """Raise UserError unless the run begins with the very weights that it was to begin with."""
        before = self.read_parentage()
        if (before or {}).get("checkpoint_hash") != (parentage or {}).get("checkpoint_hash"):
            raise UserError(f"{self.path} has no checkpoint yet, and the model that it was to begin with has changed")

    def check_same_images(self, spec: DataSpec) -> None:
        """Raise UserError unless `spec` describes the very images that the run began with."""
        before = self.read_spec()
        if before.fingerprint != spec.fingerprint:
            raise UserError(
                f"{self.path} was trained on {before.num_examples:,} images from {before.source}, but now the data are "
                f"{spec.num_examples:,} from {spec.source}: give the first ones with --data-dir"
            )

    def check_untrained(self) -> None:
        """Raise UserError if the run has figures: without a checkpoint, beginning anew would erase them."""
        if self.metrics_file.exists() and self.metrics_file.stat().st_size:
            raise UserError(
                f"{self.path} was trained, but its checkpoints are gone: "
                f"start a new run with --config {quoted(self.config_file)} --name NAME"
            )

    def lock(self) -> IO[str]:
        """Keep other processes from training in this folder for as long as the result is open (or we live)."""
        file = open(self.path / ".lock", "w")  # noqa: SIM115 - the caller holds it open
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise UserError(f"another process is training in {self.path}: wait for it or stop it first") from None
        return file

    def write_config(self, config: TrainConfig) -> None:
        """Record a changed configuration (a longer budget, say)."""
        write_atomically(self.config_file, config.to_json())

    def trim(self, step: int, config: TrainConfig) -> None:
        """Forget figures and grids that going on from `step` would not find: those after it, written again then,
        and the last ones of a budget that ended between two regular ones."""
        for file, every in ((self.metrics_file, config.log_every), (self.judgements_file, config.evaluate_every or 1)):
            if file.exists():
                lines = json_lines.read(file)
                kept = [f"{text}\n" for text, line in lines if line["step"] <= step and line["step"] % every == 0]
                write_atomically(file, "".join(kept))
        for grid in self.samples.glob("step-*.*"):
            drawn = re.fullmatch(r"step-(\d+)\.\w+", grid.name, re.ASCII)
            if drawn is None or grid != self.sample_file(int(drawn[1]), grid.suffix):
                continue  # somebody else's, a copy for instance
            if int(drawn[1]) > step or int(drawn[1]) % config.sample_every:
                grid.unlink()
