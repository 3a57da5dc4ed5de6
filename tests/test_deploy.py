"""The files in deploy/, each against the schema of the tool that reads it, and against each other."""

from __future__ import annotations

import contextlib
import copy
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import kubernetes_validate
import promql_parser
import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2

from aigc_tf.rollout import servers

DEPLOY = Path(__file__).parent.parent / "deploy"
BOARD = json.loads((DEPLOY / "grafana/boards/serving.json").read_text())
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
PARTS = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
MANIFESTS = {part["kind"]: part for part in PARTS if part["metadata"]["name"] != "serving-pods"}
POD = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
KUBERNETES = "1.32"

# What TensorFlow Serving 2.15 exposes of what we ask for; `up` is Prometheus' own.
METRICS = {
    ":tensorflow:serving:request_count",
    ":tensorflow:serving:request_latency_bucket",
    ":tensorflow:serving:batching_session:processed_batch_size_sum",
    ":tensorflow:serving:batching_session:processed_batch_size_count",
    ":tensorflow:serving:batching_session:queuing_latency_bucket",
    ":tensorflow:cc:saved_model:load_attempt_count",
    "up",
}


# Two messages that only the server reads, and that the package tensorflow-serving-api lacks: names and types of their
# fields as in TensorFlow Serving 2.15. (A field's number does not show in the text form.)
MESSAGES = {
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": ".serving_text.PrometheusConfig"},
    "BatchingParameters": {
        "max_batch_size": ".google.protobuf.Int64Value",
        "batch_timeout_micros": ".google.protobuf.Int64Value",
        "max_enqueued_batches": ".google.protobuf.Int64Value",
        "num_batch_threads": ".google.protobuf.Int64Value",
        "thread_pool_name": ".google.protobuf.StringValue",
        "allowed_batch_sizes": "repeated int64",
        "pad_variable_length_inputs": "bool",
        "enable_large_batch_splitting": ".google.protobuf.BoolValue",
        "max_execution_batch_size": ".google.protobuf.Int64Value",
    },
}


def message(name: str) -> Any:
    """A new, empty message of MESSAGES."""
    pool = descriptor_pool.Default()
    file = descriptor_pb2.FileDescriptorProto(name="serving_text.proto", package="serving_text", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    kinds = descriptor_pb2.FieldDescriptorProto
    for each, fields in MESSAGES.items():
        described = file.message_type.add(name=each)
        for number, (field, kind) in enumerate(fields.items(), 1):
            label = kinds.LABEL_REPEATED if kind.startswith("repeated ") else kinds.LABEL_OPTIONAL
            kind = kind.removeprefix("repeated ")
            named = {"type": kinds.TYPE_MESSAGE, "type_name": kind}
            plain = {"type": None if "." in kind else kinds.Type.Value(f"TYPE_{kind.upper()}")}
            described.field.add(name=field, number=number, label=label, **(named if "." in kind else plain))
    pool.Add(file)  # again and again the same file: no error
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"serving_text.{name}"))()


def read(file: str, kind: str) -> Any:
    return text_format.Parse((DEPLOY / "serving" / file).read_text(), message(kind))


def check_compose(file: Path) -> subprocess.CompletedProcess:
    """Checks against the Compose specification's schema that check-jsonschema brings along."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", file]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def test_compose_file_keeps_the_specification(tmp_path):
    done = check_compose(DEPLOY / "compose.yaml")
    assert done.returncode == 0, done.stdout
    wrong = copy.deepcopy(COMPOSE)
    wrong["services"]["serving"]["helthcheck"] = wrong["services"]["serving"].pop("healthcheck")
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    assert "helthcheck" in check_compose(tmp_path / "wrong.yaml").stdout


def test_compose_file_is_closed_and_pinned():
    for name, service in COMPOSE["services"].items():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name
        assert service["cap_drop"] == ["ALL"]
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        for volume in service["volumes"]:
            if isinstance(volume, dict):
                assert volume["read_only"], (name, volume)
                assert volume["source"].startswith("${MODELS") or (DEPLOY / volume["source"]).is_dir(), volume
    assert COMPOSE["services"]["serving"]["image"] == CONTAINER["image"] == "tensorflow/serving:2.15.1"


def test_manifests_keep_the_schemas_of_kubernetes():
    assert set(MANIFESTS) == {
        *("PersistentVolumeClaim", "ConfigMap", "Deployment", "Service", "HorizontalPodAutoscaler"),
        "PodDisruptionBudget",
    }
    assert len(PARTS) == len(MANIFESTS) + 1
    for manifest in PARTS:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    wrong = copy.deepcopy(MANIFESTS["Deployment"])
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_manifests_belong_together():
    labels = MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert MANIFESTS["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["Service"]["spec"]["selector"] == labels
    assert MANIFESTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    target = MANIFESTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", MANIFESTS["Deployment"]["metadata"]["name"])
    ports = {port["name"] for port in CONTAINER["ports"]}
    assert {port["targetPort"] for port in MANIFESTS["Service"]["spec"]["ports"]} == ports
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    mounts = {mount["name"]: mount for mount in CONTAINER["volumeMounts"]}
    assert volumes.keys() == mounts.keys()
    assert (
        volumes["models"]["persistentVolumeClaim"]["claimName"]
        == MANIFESTS["PersistentVolumeClaim"]["metadata"]["name"]
    )
    assert volumes["models"]["persistentVolumeClaim"]["readOnly"] and mounts["models"]["readOnly"]
    assert volumes["config"]["configMap"]["name"] == MANIFESTS["ConfigMap"]["metadata"]["name"]


def test_each_pod_can_be_asked_how_far_it_is():
    """By a name that stands for the addresses of all pods, also of those that are starting; the page names it."""
    (service,) = [part["spec"] for part in PARTS if part["metadata"]["name"] == "serving-pods"]
    assert service["clusterIP"] == "None" and service["publishNotReadyAddresses"] is True
    assert service["selector"] == MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    (port,) = service["ports"]
    assert port in MANIFESTS["Service"]["spec"]["ports"]
    assert f"--server serving-pods:{port['port']}" in (DEPLOY.parent / "docs/serving.md").read_text()


def test_labels_wait_longer_than_the_servers_take_to_read_the_config():
    (seconds,) = [arg.rpartition("=")[2] for arg in CONTAINER["args"] if arg.startswith("--model_config_file_poll")]
    assert 2 * float(seconds) <= servers.DEFAULT_WAIT


def test_both_ways_start_the_same_server_with_the_same_files():
    serving = COMPOSE["services"]["serving"]
    assert serving["command"] == CONTAINER["args"]
    assert serving["entrypoint"] == CONTAINER["command"]
    files = {file.name: file.read_text() for file in (DEPLOY / "serving").iterdir()}
    assert MANIFESTS["ConfigMap"]["data"] == files
    named = {argument.rpartition("/")[2] for argument in serving["command"] if "=/etc/serving/" in argument}
    assert named == set(files)


def test_server_files_are_the_messages_that_the_server_reads():
    assert read("monitoring.config", "MonitoringConfig").prometheus_config.enable
    read("batching.config", "BatchingParameters")
    with pytest.raises(text_format.ParseError, match="max_batch_sizes"):
        text_format.Parse("max_batch_sizes { value: 1 }", message("BatchingParameters"))


def test_batch_sizes_follow_from_the_measurement():
    batching = read("batching.config", "BatchingParameters")
    # Each row is a computation of its own: filling a batch up to one of a few sizes would only cost.
    assert not batching.allowed_batch_sizes
    assert batching.enable_large_batch_splitting.value
    together = batching.max_execution_batch_size.value
    assert together <= batching.max_batch_size.value
    record = json.loads((DEPLOY.parent / "benchmarks/results/batching.json").read_text())
    cost = {row["batch"]: row["cpu_ms_per_image"] for row in record["rows"]}
    assert together == min(batch for batch in cost if cost[batch] <= 1.1 * min(cost.values()))
    assert str(batching.num_batch_threads.value) == CONTAINER["resources"]["limits"]["cpu"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian package prometheus)")
def test_prometheus_reads_its_files_and_alerts_fire_on_their_faults(tmp_path):
    folder = DEPLOY / "prometheus"

    def promtool(*arguments: str, where: Path) -> subprocess.CompletedProcess:
        return subprocess.run(["promtool", *arguments], cwd=where, capture_output=True, text=True)

    for arguments in (("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")):
        done = promtool(*arguments, where=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "alerts.yml").write_text((folder / "alerts.yml").read_text().replace("> 0.01", "> 0.5"))
    assert promtool("test", "rules", "alerts_test.yml", where=tmp_path).returncode != 0


def selectors_of(expression: str) -> list[promql_parser.VectorSelector]:
    """The series that an expression asks for; an error where Prometheus would refuse it."""
    parsed = promql_parser.parse(expression.replace("$__rate_interval", "1m"))
    found, open_parts = [], [parsed]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, promql_parser.VectorSelector):
            found.append(part)
        for attribute in ("expr", "lhs", "rhs", "args", "vector_selector", "param"):
            inner = getattr(part, attribute, None)
            open_parts += inner if isinstance(inner, list) else [inner] if inner is not None else []
    return found


def expressions() -> list[str]:
    alerts = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
    return [rule["expr"] for rule in alerts] + [
        target["expr"] for panel in BOARD["panels"] for target in panel["targets"]
    ]


def test_alerts_and_board_ask_for_metrics_that_exist():
    assert len(expressions()) > 10
    assert {selector.name for expression in expressions() for selector in selectors_of(expression)} == METRICS
    with pytest.raises(ValueError):
        selectors_of("sum(rate(up[5m])")


def test_latencies_are_those_of_predictions():
    """REST calls them predict and gRPC Predict; health checks have no name and would make the rest look quick."""
    latencies = [
        {matcher.name: (matcher.op, matcher.value) for matcher in selector.matchers.matchers}
        for expression in expressions()
        for selector in selectors_of(expression)
        if selector.name == ":tensorflow:serving:request_latency_bucket"
    ]
    assert latencies == [{"API": (promql_parser.MatchOp.Re, "[Pp]redict")}] * 3


def lost(given: Any, kept: Any, path: str = "") -> list[str]:
    """Paths of what `kept` does not hold of `given`."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [name for key in given for name in lost(given[key], kept.get(key), f"{path}/{key}")]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [name for n in range(len(given)) for name in lost(given[n], kept[n], f"{path}/{n}")]
    return [] if given == kept else [path]


def test_grafana_knows_everything_on_its_board():
    pytest.importorskip("grafana_foundation_sdk", reason="does not exist for Python 3.10")
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()

    def known(board: dict[str, Any]) -> Any:
        """The board as Grafana's own types keep it: what they do not know is left out."""
        return json.loads(JSONEncoder().encode(Dashboard.from_json(board)))

    assert lost(BOARD, known(BOARD)) == []
    wrong = copy.deepcopy(BOARD)
    wrong["panels"][2]["targets"][0]["expression"] = wrong["panels"][2]["targets"][0].pop("expr")
    assert lost(wrong, known(wrong)) == ["/panels/2/targets/0/expression"]


def test_grafana_finds_its_data_and_its_board():
    provisioning = DEPLOY / "grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in BOARD["panels"]} == {source["uid"]}
    assert source["url"] == "http://prometheus:9090" and "prometheus" in COMPOSE["services"]
    (provider,) = yaml.safe_load((provisioning / "dashboards/boards.yml").read_text())["providers"]
    targets = {volume["target"] for volume in COMPOSE["services"]["grafana"]["volumes"]}
    assert targets == {provider["options"]["path"], "/etc/grafana/provisioning"}
    (scrape,) = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    assert scrape["static_configs"][0]["targets"] == ["serving:8501"] and "serving" in COMPOSE["services"]
    assert scrape["metrics_path"] == read("monitoring.config", "MonitoringConfig").prometheus_config.path
    corners = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in BOARD["panels"]]
    assert len(set(corners)) == len(corners) == len({panel["id"] for panel in BOARD["panels"]})


@contextlib.contextmanager
def answering(body: bytes):
    """Port of a server that answers everything with HTTP 200 and `body`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def status(*states: str, error: str = "OK") -> bytes:
    """A status as TensorFlow Serving prints it."""
    versions = [
        {"version": str(number), "state": state, "status": {"error_code": error, "error_message": ""}}
        for number, state in enumerate(states, 1)
    ]
    return json.dumps({"model_version_status": versions}, indent=1).encode()


def test_probes_read_the_state_and_not_the_http_status():
    probe = CONTAINER["readinessProbe"]["exec"]["command"]
    assert probe == CONTAINER["startupProbe"]["exec"]["command"]
    assert ["CMD", *probe] == COMPOSE["services"]["serving"]["healthcheck"]["test"]

    def healthy(port: int) -> bool:
        command = [part.replace("/8501", f"/{port}") for part in probe]
        return subprocess.run(command, capture_output=True, timeout=20).returncode == 0

    for body, expected in (
        (status("AVAILABLE"), True),
        (status("END", "AVAILABLE"), True),
        (status("LOADING"), False),
        (status("LOADING", error="UNAVAILABLE"), False),
        (status("END"), False),
        (b'{"error": "Could not find any versions of model digits"}', False),
    ):
        with answering(body) as port:
            assert healthy(port) is expected, body
    assert not healthy(port)  # nobody listens any more
