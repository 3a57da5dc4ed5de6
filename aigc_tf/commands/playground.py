"""`python -m aigc_tf playground`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from tyro.conf import Positional, arg

from aigc_tf import opening, quiet
from aigc_tf.addresses import listening
from aigc_tf.command_line import check_writable
from aigc_tf.contract import Contract
from aigc_tf.errors import UserError
from aigc_tf.json_files import STANDARD_OUTPUT
from aigc_tf.playground import places
from aigc_tf.run_folder import RunFolder

_PATIENCE = 10.0  # seconds to wait for a server's model


@dataclasses.dataclass(frozen=True)
class Command:
    """Play with a run's model, an export, or what a model server serves, on a page in the browser.

    Seeds, classes, truncation or guidance, ways between two seeds, directions, drawings, parts made anew: whatever the
    model can. Pictures are saved as the model made them, with their origin, and rated into a file. The page is on
    loopback, for this machine alone. Ctrl-C ends it.
    """

    of: Annotated[Positional[Path | None], arg(metavar="RUN|EXPORT")] = None
    """Run folder, logs/<name>, or an export: a version's folder, or the model's base path for its newest version."""
    server: str | None = None
    """Address of a server instead, HOST:PORT: its REST port, usually 8501."""
    model: str | None = None
    """Name of the model on the server, such as digits."""
    step: int | Literal["best"] | None = None
    """Step of a run's checkpoint, or best for the best one that was judged in training; by default the newest."""
    version: int | None = None
    """Version of the model on the server; by default the newest."""
    label: str | None = None
    """Label of a version on the server, such as stable or canary."""
    ratings: Path | None = None
    """File that keeps what pictures are rated, a line of JSON each: by default ratings.jsonl in the run, or
    NAME.ratings.jsonl beside the model's base path; of a server none."""
    port: int = 8600
    """Port to listen on; 0 takes a free one."""

    def __post_init__(self) -> None:
        if (self.of is None) == (self.server is None) or (self.server is None) != (self.model is None):
            raise UserError("give one of: a run folder, an export, or --server HOST:PORT with --model NAME")
        if self.of is not None and (self.version, self.label) != (None, None):
            raise UserError("--version and --label choose on a server: give --server with them")
        opening.check_step(self.of, self.step)
        if not 0 <= self.port < 65_536:
            raise UserError(f"--port {self.port} must be from 0 to 65535")
        if self.ratings is not None:
            if self.ratings == STANDARD_OUTPUT:
                raise UserError("--ratings - is no file: name one")
            check_writable("--ratings", self.ratings)

    def run(self) -> int:
        with listening("127.0.0.1", self.port) as listener, self._opened() as (played, models):
            from aigc_tf.playground import running

            running.serve(played, models, listener)
        return 0

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[Any, Callable[..., AbstractAsyncContextManager]]]:
        """What is played with, a `site.Played`, and what opens the REST interface to it."""
        if self.of is None:
            yield self._forwarded()
            return
        run = RunFolder.open(self.of) if opening.is_run(self.of) else None
        folder = self.of if run is not None else places.version_folder(self.of)
        if run is not None:
            run.choose_kernels()
        quiet.import_tensorflow()
        from aigc_tf.playground import local, site

        with local.of_export(folder) if run is None else local.of_run(run, self.step) as model:
            _check(model.promised)
            ratings = self.ratings or (places.ratings_of(folder) if run is None else run.ratings_file)
            yield site.Played(model.name, model.version, model.path, model.promised, ratings=ratings), model.serving

    def _forwarded(self) -> tuple[Any, Callable[..., AbstractAsyncContextManager]]:
        from aigc_tf.playground import forwarding, running, site
        from aigc_tf.serving.client import contract_of, wait_until_available
        from aigc_tf.serving.rest_client import RestClient
        from aigc_tf.serving.target import Target

        assert self.server is not None and self.model is not None  # see `__post_init__`
        with RestClient(Target(self.server, self.model, self.version, self.label)) as client:
            wait_until_available(client, _PATIENCE)
            version = client.version()
        with RestClient(Target(self.server, self.model, version)) as client:
            promised = contract_of(client)
        _check(promised)
        path = f"/v1/models/{quote(self.model, safe='')}/versions/{version}"
        played = site.Played(self.model, version, path, promised, f"http://{self.server}", self.ratings)
        forward = forwarding.application(self.server, path, running.LIMITS.answer_seconds)
        return played, lambda limits: running.ready(forward)


def _check(promised: Contract) -> None:
    if promised.content != "image":
        raise UserError(f"the page shows images alone, and this model makes what is called {promised.content}")
