"""docs/serving.md: its commands are run as they stand, from the first to the last."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from commands import ROOT
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

PAGE = (ROOT / "docs/serving.md").read_text()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
def walked(tiny_run, tmp_path_factory) -> tuple[Path, str]:
    """The folder in which all runnable blocks were run, with ports of our own, and what they printed."""
    folder = tmp_path_factory.mktemp("page")
    script = "\n".join(re.findall(r"```bash run\n(.*?)```", PAGE, re.DOTALL))
    for port in ("8501", "8500"):
        script = script.replace(port, str(free_port()))
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {
        "RUN": str(tiny_run),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    ending = "trap 'kill $(jobs -p); wait' EXIT\n"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", ending + script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_the_commands_do_what_the_page_says(walked):
    folder, printed = walked
    assert {path.name for path in (folder / "models/digits").iterdir() if path.name.isdecimal()} == {"1", "2"}
    assert (folder / "7.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((folder / "samples").iterdir())) == len(list((folder / "canary").iterdir())) == 20
    assert "FAIL  " not in printed and printed.count("pass  Each label answers") == 2
    assert "stable names version 2" in printed
    assert ':tensorflow:serving:request_count{model_name="digits",status="OK"}' in printed


def test_grpcurl_gets_messages_that_stand_alone(walked, server):
    files = descriptor_pb2.FileDescriptorSet.FromString((walked[0] / "serving.protoset").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:  # each after those that it needs
        pool.Add(file)
    ((request, service, method),) = re.findall(r"-d '(.*?)' \\\n *localhost:8500 (\S+)/(\w+)", PAGE)
    described = pool.FindServiceByName(service).FindMethodByName(method)
    message = json_format.Parse(request, message_factory.GetMessageClass(described.input_type)())
    with grpc.insecure_channel(server.grpc, options=[("grpc.enable_http_proxy", 0)]) as channel:
        kind = message_factory.GetMessageClass(described.output_type)
        call = channel.unary_unary(f"/{service}/{method}", type(message).SerializeToString, kind.FromString)
        images = call(message, timeout=30).outputs["image_bytes"].string_val
    assert [image[:4] for image in images] == [b"\x89PNG"] * 2


def test_the_capacity_table_is_the_measured_one():
    _, _, measured = (ROOT / "benchmarks/results/batching.md").read_text().partition("\n\n")  # behind the title
    assert measured.strip() in PAGE


def test_files_and_commands_that_the_page_names_exist():
    for name in set(re.findall(r"(?:deploy|benchmarks|tests)/[\w./-]*\w", PAGE)):
        assert (ROOT / name).exists(), name
    listed = subprocess.run(
        [sys.executable, "-m", "aigc_tf", "--help"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    for command in set(re.findall(r"python -m aigc_tf (\w+)", PAGE)):
        assert f"  {command} " in listed, command
