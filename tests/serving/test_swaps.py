"""Versions come and go under a running server, by the base path and by the model config."""

from __future__ import annotations

import base64
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import tensorflow as tf
from commands import refused, run
from stand_in import StandIn, answer_of, ask, opened, refusal, serving, until

PREDICT = "/v1/models/digits:predict"
BODY = {"instances": [7, 8, 9]}


def put(source: Path, base: Path, number: int) -> Path:
    """A copy of a version, published as a version of this number: whole or not at all."""
    shutil.copytree(source, base / "building")
    return (base / "building").rename(base / str(number))


def states(server: StandIn) -> dict[int, str]:
    entries = ask(server.rest, "/v1/models/digits")[1]["model_version_status"]
    return {int(each["version"]): each["state"] for each in entries}


def images(server: StandIn, target: str = "") -> list[bytes]:
    status, answer = ask(server.rest, f"/v1/models/digits{target}:predict", BODY)
    assert status == 200, answer
    return [base64.b64decode(each["b64"]) for each in answer["predictions"]]


def test_the_newest_version_is_served_and_a_broken_one_never(published, tmp_path):
    base = tmp_path / "digits"
    base.mkdir()
    put(published / "1", base, 1)
    with serving(base) as server:
        first = images(server)
        put(published / "2", base, 2)
        until(lambda: states(server) == {1: "END", 2: "AVAILABLE"})
        second = images(server)
        assert first != second

        shutil.copytree(published / "1", base / "building")
        (base / "building" / "variables" / "variables.index").unlink()
        (base / "building").rename(base / "3")
        until(lambda: states(server).get(3) == "END")
        (entry,) = ask(server.rest, "/v1/models/digits/versions/3")[1]["model_version_status"]
        assert entry["status"]["error_code"] != "OK"
        assert "variables" in entry["status"]["error_message"]
        assert images(server) == second
        assert ask(server.rest, "/v1/models/digits/versions/3:predict", BODY)[0] == 404

        shutil.rmtree(base / "3")  # it is mended under its own number
        put(published / "1", base, 3)
        until(lambda: states(server) == {1: "END", 2: "END", 3: "AVAILABLE"})
        assert images(server) == first


def test_when_all_versions_are_gone_none_is_served(published, tmp_path):
    """As TensorFlow Serving; but a base path that is gone, perhaps a volume for a moment, changes nothing."""
    base = tmp_path / "digits"
    base.mkdir()
    put(published / "1", base, 1)
    with serving(base) as server:
        first = images(server)
        base.rename(tmp_path / "elsewhere")
        until(lambda: any("cannot look for versions" in line for line in server.log))
        time.sleep(1.5)
        assert states(server) == {1: "AVAILABLE"}
        (tmp_path / "elsewhere").rename(base)

        (base / "1").rename(base / "gone")
        until(lambda: states(server) == {1: "END"})
        assert refusal(server.rest, PREDICT, BODY) == (404, "Servable not found for request: Latest(digits)")
        (base / "gone").rename(base / "1")
        until(lambda: states(server) == {1: "AVAILABLE"})
        assert images(server) == first


def test_of_several_old_versions_the_newest_waits_for_one_that_fails(published, models_config, tmp_path):
    base, file = tmp_path / "digits", tmp_path / "models.config"
    base.mkdir()
    for number in (1, 2):
        put(published / str(number), base, number)
    (base / "3").mkdir()  # no export
    config = re.sub(r"version_labels {.*?}", "", models_config.read_text())
    file.write_text(config)
    with serving(base, "--model-config", file) as server:
        file.write_text(config.replace("versions: 1 versions: 2", "versions: 3"))
        until(lambda: states(server) == {1: "END", 2: "AVAILABLE", 3: "END"})
        time.sleep(1.5)
        assert states(server) == {1: "END", 2: "AVAILABLE", 3: "END"}


def test_a_label_is_moved_in_the_config(published, models_config, tmp_path):
    file = tmp_path / "models.config"
    text = models_config.read_text()
    file.write_text(text)
    with serving(published, "--model-config", file) as server:
        first, second = images(server, "/versions/1"), images(server, "/versions/2")
        assert images(server, "/labels/stable") == first
        file.write_text(text.replace('"stable" value: 1', '"stable" value: 2'))
        until(lambda: images(server, "/labels/stable") == second)
        file.write_text("model_config_list {{{")
        until(lambda: any("is no model config of TensorFlow Serving" in line for line in server.log))
        assert images(server, "/labels/stable") == second
        file.write_text(text.replace("versions: 2", "").replace('version_labels { key: "canary" value: 2 }', ""))
        until(lambda: states(server) == {1: "AVAILABLE", 2: "END"})
        assert images(server) == images(server, "/labels/stable") == first
        assert ask(server.rest, "/v1/models/digits/labels/canary:predict", BODY)[0] == 400


def test_a_config_that_moves_a_label_too_early_is_refused_whole(published, models_config, tmp_path):
    """As TensorFlow Serving does with --allow_version_labels_for_unavailable_models."""
    file = tmp_path / "models.config"
    both = models_config.read_text()
    canary = 'version_labels { key: "canary" value: 2 }'
    alone = both.replace(" versions: 2", "").replace(canary, "")
    file.write_text(alone)
    with serving(published, "--model-config", file) as server:
        first = images(server, "/labels/stable")
        file.write_text(both.replace(canary, "").replace('"stable" value: 1', '"stable" value: 2'))
        until(lambda: any("label stable of digits cannot move to version 2" in line for line in server.log))
        time.sleep(2.5)  # two more looks
        assert len([line for line in server.log if "cannot move" in line]) == 1
        assert states(server) == {1: "AVAILABLE"}
        assert images(server, "/labels/stable") == first

        file.write_text(both)  # a label that is new may come with its version
        until(lambda: states(server) == {1: "AVAILABLE", 2: "AVAILABLE"})
        second = images(server, "/labels/canary")
        file.write_text(both.replace('"stable" value: 1', '"stable" value: 2'))
        until(lambda: images(server, "/labels/stable") == second)


def test_a_label_may_name_a_version_that_is_not_there_when_the_server_starts(published, models_config, tmp_path):
    base = tmp_path / "digits"
    base.mkdir()
    put(published / "1", base, 1)
    with serving(base, "--model-config", models_config) as server:
        assert ask(server.rest, "/v1/models/digits/labels/canary:predict", BODY)[0] == 404
        put(published / "2", base, 2)
        until(lambda: states(server) == {1: "AVAILABLE", 2: "AVAILABLE"})
        assert images(server, "/labels/canary") == images(server, "/versions/2")


class Writing(tf.Module):
    """A model of somebody's: it answers, and writes a file on the way."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="seed")])
    def serve(self, seed):
        tf.io.write_file(str(self._file), "taken")
        return {"image_bytes": tf.strings.as_string(seed)}


def test_a_model_that_writes_files_is_never_loaded(published, tmp_path):
    base, victim = tmp_path / "digits", tmp_path / "victim"
    base.mkdir()
    put(published / "1", base, 1)
    module = Writing(victim)
    tf.saved_model.save(module, str(tmp_path / "foreign"), signatures=module.serve)
    with serving(base) as server:
        (tmp_path / "foreign").rename(base / "2")
        until(lambda: states(server).get(2) == "END")
        (entry,) = ask(server.rest, "/v1/models/digits/versions/2")[1]["model_version_status"]
        assert "operation WriteFile writes files of the machine" in entry["status"]["error_message"]
        assert ask(server.rest, "/v1/models/digits/versions/2:predict", BODY)[0] == 404
        assert len(images(server)) == 3  # of version 1
    assert not victim.exists()


def test_what_is_in_flight_is_finished_before_the_end(published):
    with serving(published) as server, opened(server) as connection:
        body = b'{"instances": [7, 8, 9]}'
        head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (PREDICT.encode(), len(body))
        connection.sendall(head + body[:10])
        until(lambda: ask(server.rest, "/v1/models/digits")[0] == 200)  # by now the server has that beginning
        server.process.terminate()
        until(lambda: not accepts(server))
        connection.sendall(body[10:])
        status, answer = answer_of(connection)
        assert (status, len(answer["predictions"])) == (200, 3)
        assert server.process.wait(30) == 0
        assert not [line for line in server.log if "Traceback" in line], server.log


def accepts(server: StandIn) -> bool:
    try:
        opened(server).close()
    except ConnectionRefusedError:
        return False
    return True


def test_many_clients_while_it_is_stopped(published):
    """Each request is answered whole or not taken at all."""
    with serving(published) as server:
        expected = images(server)
        halves: list[str] = []
        done: list[int] = []
        stopped = threading.Event()

        def client() -> None:
            while not stopped.is_set():
                try:
                    assert images(server) == expected
                except OSError:  # refused, or hung up on before a byte of the answer
                    return
                except Exception as error:
                    halves.append(repr(error))
                    return
                done.append(1)

        clients = [threading.Thread(target=client) for _ in range(20)]
        for each in clients:
            each.start()
        until(lambda: len(done) > 40)
        server.process.send_signal(signal.SIGINT)
        for each in clients:
            each.join(60)
        stopped.set()
        assert server.process.wait(60) == 0
        assert halves == []


def test_mistakes_at_the_start_are_told_in_a_sentence(published, models_config, server, tmp_path):
    def error(*arguments: object) -> str:
        return refused(run("-m", "aigc_tf", "serve", *arguments, "--grpc-port", 0))

    assert "no model to serve" in error("--port", 0)
    assert f"{tmp_path} holds no version of {tmp_path.name} to serve" in error(tmp_path, "--port", 0)
    assert "have one name, digits" in error(published, tmp_path / "digits", "--port", 0)
    assert "cannot listen on 127.0.0.1" in error(published, "--port", server.rest.split(":")[1])
    assert "cannot read the model config" in error("--model-config", tmp_path / "none", "--port", 0)
    assert "--max-rows is 0" in error(published, "--max-rows", 0)
