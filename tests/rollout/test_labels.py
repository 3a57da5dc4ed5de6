"""Labels, and the model config that a server reads, through the commands that move them."""

from __future__ import annotations

import http.server
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import refused, run, succeed
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from aigc_tf.errors import UserError
from aigc_tf.rollout import labels, moves, servers, stranded, versions
from aigc_tf.rollout.servers import RolloutError, Servers
from aigc_tf.serving import model_config as served_models


@pytest.fixture
def base(tmp_path) -> Path:
    """A model of four versions, which the model config knows."""
    folder = tmp_path / "models" / "digits"
    for version in range(1, 5):
        extra = folder / str(version) / "assets.extra"
        extra.mkdir(parents=True)
        card = {"step": 100 * version, "fingerprint": f"sha256:{version}", "recipe": {"dataset": "mnist"}}
        (extra / "model_card.json").write_text(json.dumps(card))
    labels.register(folder, "/models")
    return folder


def entry(base: Path) -> dict:
    """What the server is told of the model."""
    config = text_format.Parse((base.parent / "models.config").read_text(), ModelServerConfig())
    (found,) = [model for model in config.model_config_list.config if model.name == base.name]
    policy = found.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    served = policy.latest.num_versions if kind == "latest" else list(policy.specific.versions)
    return {"path": found.base_path, kind: served, "labels": dict(found.version_labels)}


def move(base: Path, label: str, version: int, *servers: str, **options) -> str:
    """As the command, which need not wait for what reads the config: nobody does."""
    return moves.move(base, label, version, Servers(servers, **{"wait": 0.0, **options}))


class _Server:
    """The pages of a model server that has the labels of its config at once, while its versions take their time:
    `states` are the answers about them, the last one for ever."""

    def __init__(self, base: Path, *states: dict[int, str], message: str = "") -> None:
        pages, self.asked = list(states), []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(handler):  # noqa: N805
                if label := re.fullmatch("/v1/models/digits/labels/(.*)/metadata", handler.path):
                    version = entry(base)["labels"].get(label[1])
                    return reply(handler, 200 if version else 400, {"model_spec": {"version": str(version)}})
                self.asked.append(handler.path)
                page = pages.pop(0) if len(pages) > 1 else pages[0]
                status = {"error_code": "OK", "error_message": message}
                rows = [{"version": str(n), "state": state, "status": status} for n, state in page.items()]
                reply(handler, 200, {"model_version_status": rows})

            def log_message(self, *arguments):
                pass

        def reply(handler: Handler, status: int, answer: dict) -> None:
            handler.send_response(status)
            handler.end_headers()
            handler.wfile.write(json.dumps(answer).encode())

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve(base) -> Iterator:
    servers = []

    def start(*states: dict[int, str], message: str = "") -> _Server:
        servers.append(_Server(base, *states, message=message))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def test_a_model_without_labels_serves_its_newest(base):
    assert entry(base) == {"path": "/models/digits", "latest": 1, "labels": {}}
    labels.register(base.parent / "faces")
    assert entry(base.parent / "faces")["path"] == "/models/faces"  # beside the first, as the server sees it
    labels.register(base, "/elsewhere")
    assert entry(base) == {"path": "/elsewhere/digits", "latest": 1, "labels": {}}
    labels.register(base)
    assert entry(base)["path"] == "/elsewhere/digits"


def test_by_default_the_server_sees_what_we_see(tmp_path):
    labels.register(tmp_path / "digits")
    assert entry(tmp_path / "digits")["path"] == str(tmp_path / "digits")


def test_a_rollout_by_hand(base):
    """Stable, a canary beside it, its promotion, and the way back; a label in use moves in two steps."""
    command = ("-m", "aigc_tf", "label", base)
    assert "stable names version 3" in succeed(run(*command, "stable", "--version", 3))
    assert entry(base) == {"path": "/models/digits", "specific": [3], "labels": {"stable": 3}}
    assert move(base, "canary", 4) == "canary names version 4"
    assert entry(base)["specific"] == [3, 4]

    # Version 4 is loaded for the canary already: one step, and 3 is let go.
    assert move(base, "stable", 4) == "stable names version 4, before it was 3"
    assert entry(base) == {"path": "/models/digits", "specific": [4], "labels": {"stable": 4, "canary": 4}}

    said = succeed(run("-m", "aigc_tf", "rollback", base))
    assert entry(base) == {"path": "/models/digits", "specific": [3, 4], "labels": {"stable": 4, "canary": 4}}
    second = said.rpartition("python ")[2].split()
    assert second == ["-m", "aigc_tf", "label", str(base), "stable", "--version", "3"]
    assert "stable moves in " in succeed(run(*second, "--wait", 4))
    assert entry(base) == {"path": "/models/digits", "specific": [3, 4], "labels": {"stable": 3, "canary": 4}}

    listed = succeed(run("-m", "aigc_tf", "list", base))
    rows = {line.split("│")[1].strip(): line for line in listed.splitlines() if line.startswith("│")}
    assert sorted(rows) == ["1", "2", "3", "4"]
    assert "stable" in rows["3"] and "canary" in rows["4"] and "sha256:3" in rows["3"] and "300" in rows["3"]


def test_with_a_server_both_steps_in_one(base, serve):
    move(base, "stable", 3)
    server = serve(*[{3: "AVAILABLE"}] * 2, {3: "AVAILABLE", 2: "LOADING"}, {3: "AVAILABLE", 2: "AVAILABLE"})
    seen = []
    thread = threading.Thread(target=lambda: seen.append(move(base, "stable", 2, server.address)))
    thread.start()
    while len(server.asked) < 3:
        pass
    assert entry(base) == {"path": "/models/digits", "specific": [2, 3], "labels": {"stable": 3}}
    thread.join()
    assert seen == ["stable names version 2, before it was 3"]
    assert entry(base) == {"path": "/models/digits", "specific": [2], "labels": {"stable": 2}}
    assert set(server.asked) == {"/v1/models/digits"}


@pytest.mark.parametrize(
    ("state", "message", "told"),
    [("LOADING", "", "within 0 s.*version 4 is LOADING.*poll_wait_seconds"), ("END", "no such file", "no such file")],
)
def test_a_version_that_does_not_load_gets_no_label(base, serve, state, message, told):
    move(base, "stable", 3)
    server = serve({3: "AVAILABLE", 4: state}, message=message)
    with pytest.raises(RolloutError, match=told):
        move(base, "stable", 4, server.address, patience=0)
    assert entry(base)["labels"] == {"stable": 3} and 3 in entry(base)["specific"]


def test_a_server_that_is_not_there_is_told_in_a_line(base):
    move(base, "stable", 3)
    before = entry(base)
    with pytest.raises(RolloutError, match="127.0.0.1:9 does not answer: .*refused"):
        move(base, "stable", 4, "127.0.0.1:9", patience=0)
    with pytest.raises(RolloutError, match="no..name:8501 does not answer"):
        move(base, "stable", 4, "no..name:8501", patience=0)
    assert entry(base) == before


def test_what_answers_otherwise_is_no_model_server(base):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        with pytest.raises(RolloutError, match="does not answer: what answers is no model server"):
            move(base, "stable", 4, f"127.0.0.1:{server.server_port}", patience=0)
        server.shutdown()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--server", "nonsense"], "'nonsense' is no HOST:PORT"),
        (["--server", "127.0.0.1:8501", "--server", "localhost:99999"], "'localhost:99999' is no HOST:PORT"),
        (["--wait", -1], "--wait -1 must be a number of seconds"),
        (["--patience", "nan"], "--patience nan must be a number of seconds"),
    ],
)
def test_flags_that_say_nothing(base, flags, told):
    assert told in refused(run("-m", "aigc_tf", "label", base, "stable", "--version", 4, *flags))


def test_one_family_of_addresses_that_somebody_answers_at(monkeypatch):
    """localhost has an address of each family, and a server listens at one only."""
    real = socket.getaddrinfo
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        six = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 9, 0, 0))
        four = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", number)) for number in (port, 9)]
        names = {"both": [six, *four], "other-way-round": [*four, six], "six": [six]}
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *rest, **how: names.get(host) or real(host, *rest, **how)
        )
        assert servers._addresses("both:1") == servers._addresses("other-way-round:1")
        assert servers._addresses("both:1") == [("127.0.0.1", port), ("127.0.0.1", 9)]
        assert servers._addresses("six:1") == [("::1", 9)]
        assert servers._addresses("[::1]:8501") == [("::1", 8501)]


def test_pruning_spares_what_is_named(base):
    move(base, "stable", 1)
    move(base, "canary", 3)
    assert "removed: 2" in succeed(run("-m", "aigc_tf", "prune", base, "--keep", 1))
    assert sorted(child.name for child in base.iterdir()) == ["1", "3", "4"]
    assert labels.prune(base, 1) == []
    with pytest.raises(UserError, match="must be at least 1"):
        labels.prune(base, 0)


def test_pruning_spares_what_the_last_move_left(base):
    """A server that has not followed serves it; a move back leaves something too."""
    (base / "5").mkdir()
    for version in (1, 2, 3, 2):
        for _ in range(2):
            move(base, "stable", version)
    move(base, "stable", 2)
    assert labels.prune(base, 1) == [4] and versions.versions(base) == [1, 2, 3, 5]
    for _ in range(2):
        move(base, "stable", 5)
    assert labels.prune(base, 1) == [1, 3] and versions.versions(base) == [2, 5]


def test_courses_written_before_there_was_a_left_one_are_read(base):
    (base.parent / "models.labels.json").write_text('{"digits": {"stable": {"before": [1, 2], "next": null}}}')
    move(base, "stable", 4)
    assert labels.version_before(base, "stable") == 2 and labels.prune(base, 1) == [1, 3]


def test_a_model_is_taken_out_of_the_config(base):
    labels.register(base.with_name("faces"))
    move(base, "stable", 1)
    assert "is no longer in" in succeed(run("-m", "aigc_tf", "withdraw", base))
    assert entry(base.with_name("faces"))["path"] == "/models/faces" and labels.labels(base) == []
    assert versions.versions(base) == [1, 2, 3, 4]
    assert not (base.parent / "models.labels.json").exists()  # nothing is left to be remembered
    assert f"{base} is not in the model config" in refused(run("-m", "aigc_tf", "withdraw", base))

    # TensorFlow Serving takes no action for a config that says nothing; an empty list lets go of the last model.
    labels.withdraw(base.with_name("faces"))
    config = text_format.Parse((base.parent / "models.config").read_text(), ModelServerConfig())
    assert config.WhichOneof("config") == "model_config_list"
    move(base, "stable", 2)  # what its labels named before is forgotten
    with pytest.raises(UserError, match="no version that stable named before 2"):
        labels.version_before(base, "stable")
    assert "there is no" in refused(run("-m", "aigc_tf", "withdraw", base.parent / "elsewhere" / "digits"))


def test_names_that_no_label_has(base):
    assert "is no name of a label" in refused(run("-m", "aigc_tf", "label", base, "", "--version", 1))
    with pytest.raises(UserError, match="is no name of a label"):
        move(base, "\udcff", 1)
    move(base, "stable", 1)
    assert "has no label stabel; it has stable" in refused(run("-m", "aigc_tf", "rollback", base, "--label", "stabel"))


def test_a_config_that_nobody_else_can_read_is_told(base):
    base.parent.chmod(0o755)
    file = base.parent / "models.config"
    assert labels.unreadable(base) is None
    file.chmod(0o600)
    move(base, "stable", 1)
    assert file.stat().st_mode & 0o777 == 0o600  # a person may have meant it
    listing = run("-m", "aigc_tf", "list", base)
    assert "digits" in succeed(listing) and "warning" not in listing.stdout
    assert f"chmod go+r {file}" in listing.stderr
    file.chmod(0o640)
    assert labels.unreadable(base) is None


def test_a_script_gets_the_list_alone(base):
    move(base, "stable", 1)
    listed = json.loads(succeed(run("-m", "aigc_tf", "list", base, "--json", "-")))
    assert [(each["version"], each["labels"]) for each in listed["versions"]][0] == (1, ["stable"])


def test_a_label_on_a_version_that_is_gone_is_told_beside_the_list(base):
    move(base, "stable", 1)
    versions.remove(base, 1)
    listing = run("-m", "aigc_tf", "list", base)
    assert "stable" not in succeed(listing)
    assert listing.stderr == "warning: stable names version 1, which is not there\n"


@pytest.mark.parametrize(
    ("path", "gone"),
    [("/models/digits", [9]), ("", []), ("/", []), ("/models/..", []), ("/models/elsewhere", [])],
)
def test_only_what_was_beside_the_config_is_gone(base, path, gone):
    """Where a model lies elsewhere, we cannot tell which versions it has."""
    config = ModelServerConfig()
    config.model_config_list.config.add(name="digits", base_path=path).version_labels["stable"] = 2
    assert stranded._gone(labels.config_file(base), config, {"digits": {"stable": 9}}) == gone


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot read the model config"),
        (b"model_config_list { nonsense }", "is no model config of TensorFlow Serving"),
        (b"\xff", "is no model config of TensorFlow Serving"),
    ],
)
def test_moves_and_servers_say_the_same_of_a_config_that_they_cannot_take(base, content, told):
    file = labels.config_file(base)
    file.unlink()
    file.mkdir() if content is None else file.write_bytes(content)
    for take in (lambda: labels.labels(base), lambda: served_models.read([], file)):
        with pytest.raises(UserError, match=told):
            take()


def test_what_lies_in_the_way_of_the_courses_is_told_in_a_line(base):
    base.with_name("models.labels.json").mkdir()
    assert "models.labels.json is damaged" in refused(
        run("-m", "aigc_tf", "label", base, "stable", "--version", 1, "--wait", 0)
    )


def test_an_entry_of_another_name_is_found_by_its_base_path(base):
    """A person may call the model otherwise than its folder."""
    file = base.parent / "models.config"
    file.write_text(file.read_text().replace('name: "digits"', 'name: "digits-prod"'))
    move(base, "stable", 2)
    assert labels.labels(base) == [("digits-prod:stable", 2)]
    assert labels.prune(base, 1) == [1, 3]

    # Two models of the same versions: each spares its own, and nobody guesses which one is meant.
    second = 'config { name: "digits" base_path: "/m/digits" version_labels { key: "canary" value: 4 } } }'
    file.write_text(file.read_text().rstrip()[:-1] + second)
    (base / "5").mkdir()
    assert labels.prune(base, 1) == []
    assert labels.labels(base) == [("digits-prod:stable", 2), ("canary", 4)]
    with pytest.raises(UserError, match="is served as digits-prod and digits: leave one"):
        labels.check_assignable(base, None)  # which export asks before it publishes
    assert "leave one" in refused(run("-m", "aigc_tf", "label", base, "stable", "--version", 4))
    assert "leave one" in refused(run("-m", "aigc_tf", "withdraw", base))


def test_two_labels_move_at_once(base, serve):
    """What one move waits for, another does not let go: the server would refuse a label on it."""
    move(base, "stable", 1)
    move(base, "canary", 2)
    seen, states = [], {1: "AVAILABLE", 2: "AVAILABLE", 4: "LOADING"}
    server = serve(states)
    thread = threading.Thread(target=lambda: seen.append(move(base, "canary", 4, server.address)))
    thread.start()
    while 4 not in entry(base)["specific"]:
        time.sleep(0.01)
    move(base, "stable", 3)
    assert entry(base) == {"path": "/models/digits", "specific": [1, 2, 3, 4], "labels": {"stable": 1, "canary": 2}}
    states[4] = "AVAILABLE"
    thread.join()
    assert seen == ["canary names version 4, before it was 2"]
    assert entry(base) == {"path": "/models/digits", "specific": [1, 3, 4], "labels": {"stable": 1, "canary": 4}}
    move(base, "stable", 3)
    assert entry(base) == {"path": "/models/digits", "specific": [3, 4], "labels": {"stable": 3, "canary": 4}}


def test_a_label_moved_elsewhere_meanwhile_stays_there(base, serve):
    move(base, "stable", 1)
    said, states = [], {1: "AVAILABLE", 3: "LOADING"}
    server = serve(states)

    def overtaken() -> None:
        with pytest.raises(RolloutError, match="stable was moved elsewhere while version 3 was loaded"):
            move(base, "stable", 3, server.address)
        said.append("refused")

    thread = threading.Thread(target=overtaken)
    thread.start()
    while 3 not in entry(base)["specific"]:
        time.sleep(0.01)
    move(base, "stable", 2)
    move(base, "stable", 2)
    states[3] = "AVAILABLE"
    thread.join()
    assert said == ["refused"]
    assert entry(base) == {"path": "/models/digits", "specific": [2], "labels": {"stable": 2}}


def test_a_move_never_finished_is_given_up_by_the_next(base):
    move(base, "stable", 1)
    move(base, "stable", 2)
    assert entry(base)["specific"] == [1, 2] and labels.prune(base, 1) == [3]
    move(base, "stable", 4)
    assert entry(base)["specific"] == [1, 4]
    move(base, "stable", 1)
    assert entry(base) == {"path": "/models/digits", "specific": [1], "labels": {"stable": 1}}


def test_a_version_that_is_pruned_while_we_wait_for_the_lock_gets_no_label(base):
    move(base, "stable", 4)
    said = []

    def late() -> None:
        with pytest.raises(UserError, match="no version 2; it has 1, 3, 4"):
            move(base, "stable", 2)
        said.append("refused")

    with versions.locked(base.parent):
        thread = threading.Thread(target=late)
        thread.start()
        time.sleep(0.2)
        versions.remove(base, 2)
    thread.join()
    assert said == ["refused"] and entry(base)["labels"] == {"stable": 4}


def test_the_way_back_leads_over_what_the_label_named(base):
    """Not over a rejected canary, nor what was pruned; and back again as often as there is something."""
    for label, version in (("stable", 1), ("canary", 2), ("stable", 3), ("canary", 4), ("stable", 4)):
        move(base, label, version)
        move(base, label, version)
    assert labels.version_before(base, "stable") == 3 and labels.version_before(base, "canary") == 2
    move(base, "stable", 3)
    move(base, "stable", 3)
    assert entry(base)["labels"] == {"stable": 3, "canary": 4}
    assert labels.version_before(base, "stable") == 1

    move(base, "stable", 4)  # named by the canary: at once
    versions.remove(base, 3)
    succeed(run("-m", "aigc_tf", "rollback", base))
    assert entry(base)["specific"] == [1, 4]
    succeed(run("-m", "aigc_tf", "rollback", base, "--wait", 0))
    assert entry(base)["labels"] == {"stable": 1, "canary": 4}
    assert "choose one of 1, 2, 4 with --version" in refused(run("-m", "aigc_tf", "rollback", base))
    succeed(run("-m", "aigc_tf", "rollback", base, "--version", 4, "--wait", 0))
    assert entry(base)["labels"] == {"stable": 4, "canary": 4}

    (base.parent / "models.labels.json").write_text('{"digits": {"stable": 4}}')
    with pytest.raises(UserError, match="models.labels.json is damaged"):
        labels.version_before(base, "stable")


def test_a_model_without_labels_goes_back_from_its_newest(base):
    succeed(run("-m", "aigc_tf", "rollback", base))
    assert entry(base) == {"path": "/models/digits", "specific": [3], "labels": {"stable": 3}}


def test_mistakes(base):
    with pytest.raises(UserError, match="no version 9; it has 1, 2, 3, 4"):
        move(base, "stable", 9)
    with pytest.raises(UserError, match="no stable version beside which"):
        move(base, "canary", 4)
    move(base, "stable", 1)
    with pytest.raises(UserError, match="no version that stable named before 1: choose one of 1, 2, 3, 4 with"):
        labels.version_before(base, "stable")
    assert "holds no version" in refused(run("-m", "aigc_tf", "list", base.parent / "absent"))
    (base.parent / "models.config").write_text("model_config_list { nonsense }")
    with pytest.raises(UserError, match="is no model config of TensorFlow Serving"):
        labels.labels(base)
    for command in (("prune",), ("rollback",), ("label", "stable", "--version", "1")):
        line = refused(run("-m", "aigc_tf", command[0], base.parent / "absent" / "digits", *command[1:]))
        assert "holds no version" in line


def test_what_others_wrote_is_kept(base):
    file = base.parent / "models.config"
    other = 'config { name: "others" base_path: "/o" model_platform: "tensorflow" logging_config {} } }'
    file.write_text(file.read_text().rstrip()[:-1] + other)
    move(base, "stable", 2)
    config = text_format.Parse(file.read_text(), ModelServerConfig())
    assert [model.name for model in config.model_config_list.config] == ["digits", "others"]
    assert config.model_config_list.config[1].HasField("logging_config")


def test_many_hands_lose_nothing(base):
    """Models registered at once by processes of their own are all there afterwards."""
    program = (
        "import sys; from pathlib import Path; from aigc_tf.rollout import labels; labels.register(Path(sys.argv[1]))"
    )
    names = [f"model{number}" for number in range(4)]
    hands = [subprocess.Popen([sys.executable, "-c", program, str(base.parent / name)]) for name in names]
    assert [hand.wait() for hand in hands] == [0] * 4
    config = text_format.Parse((base.parent / "models.config").read_text(), ModelServerConfig())
    assert sorted(model.name for model in config.model_config_list.config) == ["digits", *names]


def test_none_of_it_imports_tensorflow():
    program = (
        "import sys; from aigc_tf.rollout import labels; assert not {'tensorflow', 'aigc_tf.config'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
