"""How the stand-in holds under load: many clients for a minute, while versions are swapped under them.

    python -m benchmarks.serving models/digits                     # starts the stand-in itself
    python -m benchmarks.serving models/digits --server HOST:PORT --grpc HOST:PORT --swap-in SERVED_BASE

Each client asks for one block of seeds after the other, half of them over REST and half over gRPC, as fast as it is
answered. Every PNG is compared with those that the export itself gives for the same seeds; an answer must come whole
from one of the versions. Meanwhile the versions of the base path are published again and again under new numbers.
Directly before and after, the export is called in this process in batches as large as the server's: that is 100 %. The
share is given by the clock and by CPU seconds of the server (its loading of versions included), since on a machine that
does other work, too, many threads get more of the clock than one.

Writes serving.json and serving.md to --results. Fails where a request failed or an image was wrong.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from aigc_tf import quiet

quiet.import_tensorflow()
import grpc  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_service_pb2_grpc  # noqa: E402

from benchmarks import processes, record  # noqa: E402

ROOT = Path(__file__).parent.parent
BLOCKS = 8  # blocks of seeds that the clients take turns with
BATCH_SIZE = 64  # the stand-in's own
KEPT_VERSIONS = 2


def main() -> int:
    options = _options()
    around = record.circumstances()
    sources = _versions(options.base)[-KEPT_VERSIONS:]
    exports = [tf.saved_model.load(str(folder)) for folder in sources]
    seeds = [np.arange(block * options.rows, (block + 1) * options.rows) for block in range(BLOCKS)]
    answers = [[_direct(export, block) for block in seeds] for export in exports]
    before = direct(exports[-1], options.direct_seconds)
    with contextlib.ExitStack() as stack:
        if options.server is None:
            served = Path(stack.enter_context(tempfile.TemporaryDirectory())) / options.base.resolve().name
            served.mkdir()
            swap_in(sources[-1], served)
            rest, rpc, process = stack.enter_context(_stand_in(served))
        else:
            served, rest, rpc, process = options.swap_in, options.server, options.grpc, None
        figures = drive(rest, rpc, served, sources, seeds, answers, options, process)
    images, seconds, cpu_seconds = np.add(before, direct(exports[-1], options.direct_seconds))
    figures["direct_images_per_second"] = round(images / seconds, 1)
    figures["share_of_direct"] = round(figures["images_per_second"] * seconds / images, 3)
    figures["direct_images_per_cpu_second"] = round(images / cpu_seconds, 1)
    figures["share_of_direct_by_cpu"] = round(figures["images_per_server_cpu_second"] * cpu_seconds / images, 3)
    rows: list[list[object]] = [[name.replace("_", " "), value] for name, value in figures.items()]
    page = "Clients and server share the machine.\n\n" + record.table(["what", "figure"], rows)
    record.write("serving", "Serving under load", around, figures, page, options.results)
    print(json.dumps(figures, indent=1))
    return 1 if figures["failed_requests"] or figures["wrong_images"] else 0


def drive(rest, rpc, served, sources, seeds, answers, options, process) -> dict:
    """Load the server for `options.seconds`, and return what was counted."""
    stop = threading.Event()
    counts = [{"seconds": [], "failed": [], "wrong": 0} for _ in range(options.clients)]
    ask = [_rest_client(rest, served.name), _grpc_client(rpc, served.name)]
    clients = [
        threading.Thread(target=_client, args=(ask[number % 2](), number, seeds, answers, stop, count))
        for number, count in enumerate(counts)
    ]
    memory: list[int] = []
    for client in clients:
        client.start()
    begun = time.monotonic()
    swaps = 0
    cpu_begun = _cpu_seconds(process)
    while (elapsed := time.monotonic() - begun) < options.seconds:
        if served is not None and elapsed >= (swaps + 1) * options.swap_every:
            swap_in(sources[swaps % len(sources)], served)
            swaps += 1
        if process is not None:
            memory.append(processes.memory_bytes(process.pid, "VmRSS"))
        time.sleep(0.25)
    stop.set()
    for client in clients:
        client.join()
    seconds = time.monotonic() - begun
    cpu = _cpu_seconds(process) - cpu_begun
    latencies = np.array([each for count in counts for each in count["seconds"]])
    failed = [each for count in counts for each in count["failed"]]
    warm, end = _medians(memory)
    return {
        "clients": options.clients,
        "rows_per_request": options.rows,
        "seconds": round(seconds, 1),
        "swaps": swaps,
        "requests": len(latencies),
        "failed_requests": len(failed),
        "failures": sorted(set(failed))[:10],
        "wrong_images": sum(count["wrong"] for count in counts),
        "images_per_second": round(len(latencies) * options.rows / seconds, 1),
        "p50_ms": round(float(np.percentile(latencies, 50)) * 1000, 1),
        "p99_ms": round(float(np.percentile(latencies, 99)) * 1000, 1),
        "images_per_server_cpu_second": round(len(latencies) * options.rows / cpu, 1),
        "server_memory_mb_in_second_quarter": warm,
        "server_memory_mb_in_last_quarter": end,
    }


def _client(ask, number, seeds, answers, stop, count) -> None:
    turn = number
    while not stop.is_set():
        block = turn % len(seeds)
        begun = time.perf_counter()
        try:
            images = ask(seeds[block])
        except Exception as error:
            count["failed"].append(f"{type(error).__name__}: {error}"[:300])
            stop.wait(0.1)
            continue
        count["seconds"].append(time.perf_counter() - begun)
        wrong = [sum(a != b for a, b in zip(images, known[block])) for known in answers]
        count["wrong"] += min(wrong) + abs(len(images) - len(seeds[block]))
        turn += 1


def _rest_client(address: str, model: str):
    def connect():
        connection = http.client.HTTPConnection(address, timeout=60)

        def ask(seeds: np.ndarray) -> list[bytes]:
            connection.request("POST", f"/v1/models/{model}:predict", json.dumps({"instances": seeds.tolist()}))
            reply = connection.getresponse()
            body = reply.read()
            if reply.status != 200:
                raise RuntimeError(f"{reply.status}: {body[:200]!r}")
            return [base64.b64decode(each["b64"]) for each in json.loads(body)["predictions"]]

        return ask

    return connect


def _grpc_client(address: str, model: str):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(
        grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)])
    )

    def ask(seeds: np.ndarray) -> list[bytes]:
        request = predict_pb2.PredictRequest(
            model_spec=model_pb2.ModelSpec(name=model), inputs={"seed": tf.make_tensor_proto(seeds)}
        )
        return list(stub.Predict(request, timeout=60).outputs["image_bytes"].string_val)

    return lambda: ask


def swap_in(source: Path, served: Path) -> None:
    """Publish a copy of `source` as the next version, and remove all but the last two."""
    building = served / "building-copy"
    shutil.copytree(source, building)
    versions = _versions(served)
    building.rename(served / str(1 + max((int(each.name) for each in versions), default=0)))
    for old in versions[: 1 - KEPT_VERSIONS]:
        shutil.rmtree(old)


def direct(export, least: float) -> tuple[int, float, float]:
    """Images made by calling the export in batches as large as the server's own, with the seconds and CPU seconds."""
    begun, cpu_begun = time.monotonic(), time.process_time()
    images = 0
    while time.monotonic() - begun < least:
        images += len(_direct(export, np.arange(BATCH_SIZE)))
    return images, time.monotonic() - begun, time.process_time() - cpu_begun


def _direct(export, seeds: np.ndarray) -> list[bytes]:
    return export.signatures["serving_default"](seed=tf.constant(seeds))["image_bytes"].numpy().tolist()


def _versions(base: Path) -> list[Path]:
    return sorted((child for child in base.iterdir() if child.name.isdecimal()), key=lambda child: int(child.name))


@contextlib.contextmanager
def _stand_in(served: Path) -> Iterator[tuple[str, str, subprocess.Popen]]:
    command = [sys.executable, "-m", "aigc_tf", "serve", str(served), "--port", "0", "--grpc-port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        ready = re.search(r"http://(\S+) .* grpc://(\S+)", process.stdout.readline())
        yield ready[1], ready[2], process
        process.terminate()
        process.wait(60)
    finally:
        process.kill()


def _cpu_seconds(process: subprocess.Popen | None) -> float:
    return float("nan") if process is None else processes.cpu_seconds(process.pid)


def _medians(memory: list[int]) -> tuple[int | None, int | None]:
    """Megabytes in the second and in the last quarter of the time: flat where they agree."""
    if len(memory) < 4:
        return None, None
    quarter = len(memory) // 4
    parts = memory[quarter : 2 * quarter], memory[-quarter:]
    return tuple(round(float(np.median(part)) / 2**20) for part in parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("base", type=Path, help="base path of a model with versions")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--rows", type=int, default=16, help="seeds of a request")
    parser.add_argument("--swap-every", type=float, default=6, help="seconds")
    parser.add_argument("--direct-seconds", type=float, default=10, help="of direct calls, before and after each")
    parser.add_argument("--server", help="HOST:PORT of REST of a running server; by default the stand-in is started")
    parser.add_argument("--grpc", help="HOST:PORT of gRPC of that server")
    parser.add_argument("--swap-in", type=Path, help="base path of that server, to publish versions into")
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
