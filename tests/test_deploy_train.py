"""The files in deploy/train/ that start several workers, against the schemas of what reads them and each other."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import commands
import jsonschema
import kubernetes_validate
import pytest
import yaml
from commands import ROOT, few_digits, succeed, train

from aigc_tf import cluster

TRAIN = Path(__file__).parent.parent / "deploy" / "train"
PARTS = {part["kind"]: part for part in yaml.safe_load_all((TRAIN / "kubernetes.yaml").read_text())}
JOB = PARTS["Job"]["spec"]
POD = JOB["template"]["spec"]
(CONTAINER,) = POD["containers"]
TFJOB = yaml.safe_load((TRAIN / "tfjob.yaml").read_text())
FINISH = yaml.safe_load((TRAIN / "finish.yaml").read_text())
KUBERNETES = "1.32"

# What the operator's definition of a TFJob (v1) has around the templates of pods, which Kubernetes' own describes.
_NUMBER, _TEXT = {"type": "integer", "minimum": 0}, {"type": "string"}
_REPLICA = {
    "replicas": _NUMBER,
    "restartPolicy": {"enum": ["Always", "OnFailure", "Never", "ExitCode"]},
    "template": {"type": "object"},
}
_POLICY = {
    **dict.fromkeys(("activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"), _NUMBER),
    "cleanPodPolicy": {"enum": ["All", "Running", "None"]},
    "suspend": {"type": "boolean"},
    "schedulingPolicy": {"type": "object"},
}


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "additionalProperties": False}


_JOBS = ("Chief", "Master", "Worker", "PS", "Evaluator")
_OF_TFJOB = _object(
    {
        "apiVersion": {"const": "kubeflow.org/v1"},
        "kind": {"const": "TFJob"},
        "metadata": {"type": "object"},
        "spec": _object(
            {
                "runPolicy": _object(_POLICY),
                "successPolicy": _TEXT,
                "enableDynamicWorker": {"type": "boolean"},
                "tfReplicaSpecs": _object({job: _object(_REPLICA) for job in _JOBS}),
            }
        ),
    }
)


def test_manifests_keep_the_schemas_of_kubernetes():
    assert set(PARTS) == {"PersistentVolumeClaim", "Service", "NetworkPolicy", "Job"}
    for manifest in [*PARTS.values(), FINISH]:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    wrong = copy.deepcopy(PARTS["Job"])
    wrong["spec"]["completionsMode"] = wrong["spec"].pop("completionMode")
    with pytest.raises(kubernetes_validate.ValidationError, match="completionsMode"):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_tfjob_keeps_the_schemas_of_the_operator_and_of_kubernetes():
    jsonschema.validate(TFJOB, _OF_TFJOB)
    for replica in TFJOB["spec"]["tfReplicaSpecs"].values():
        pod = {"apiVersion": "v1", "kind": "Pod", **copy.deepcopy(replica["template"])}
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)
    wrong = copy.deepcopy(TFJOB)
    wrong["spec"]["cleanPodPolicy"] = wrong["spec"]["runPolicy"].pop("cleanPodPolicy")
    with pytest.raises(jsonschema.ValidationError, match="cleanPodPolicy"):
        jsonschema.validate(wrong, _OF_TFJOB)


def test_each_pod_of_the_job_is_told_who_it_is():
    """By names that the Service gives the pods, whose number Kubernetes writes into an annotation."""
    environment = {each["name"]: each for each in CONTAINER["env"]}
    names = list(environment)
    assert names.index("INDEX") < names.index("TF_CONFIG")  # only what stands before can be named
    assert "job-completion-index" in environment["INDEX"]["valueFrom"]["fieldRef"]["fieldPath"]
    port = PARTS["Service"]["spec"]["ports"][0]["port"]
    job, service = PARTS["Job"]["metadata"]["name"], PARTS["Service"]["metadata"]["name"]
    assert JOB["completions"] == JOB["parallelism"] and POD["subdomain"] == service
    for index in range(JOB["completions"]):
        told = {"TF_CONFIG": environment["TF_CONFIG"]["value"].replace("$(INDEX)", str(index))}
        here = cluster.read(told)
        assert here.index == index
        assert here.addresses == tuple(f"{job}-{number}.{service}:{port}" for number in range(JOB["completions"]))
    labels = JOB["template"]["metadata"]["labels"]
    assert PARTS["Service"]["spec"]["selector"] == labels
    assert PARTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert {port["name"] for port in CONTAINER["ports"]} == {PARTS["Service"]["spec"]["ports"][0]["targetPort"]}


def test_what_the_operator_tells_is_understood():
    """As it writes it, with a word about where; the chief has a job of its own."""
    jobs = {job.lower(): replica["replicas"] for job, replica in TFJOB["spec"]["tfReplicaSpecs"].items()}
    addresses = {job: [f"training-{job}-{n}.default.svc:2222" for n in range(count)] for job, count in jobs.items()}
    for job, count in jobs.items():
        told = {"cluster": addresses, "task": {"type": job, "index": count - 1}, "environment": "cloud"}
        here = cluster.read({"TF_CONFIG": json.dumps(told)})
        assert here.is_chief == (job == "chief") and here.count == sum(jobs.values())


def test_both_ways_start_the_same_training_in_the_same_place(tmp_path):
    (other,) = TFJOB["spec"]["tfReplicaSpecs"]["Chief"]["template"]["spec"]["containers"]
    for part in ("image", "command", "args", "resources", "securityContext", "volumeMounts"):
        assert other[part] == CONTAINER[part], part
    pod = TFJOB["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]
    assert pod["volumes"] == POD["volumes"] and pod["securityContext"] == POD["securityContext"]
    assert {each["name"] for each in POD["volumes"]} == {mount["name"] for mount in CONTAINER["volumeMounts"]}
    claim = POD["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert claim == PARTS["PersistentVolumeClaim"]["metadata"]["name"]
    # What the command runs, when there is no run and when there is one.
    told = [part.replace("exec python /aigc_tf/", "echo ") for part in CONTAINER["command"]]
    environment = {"RUN": "digits", "PATH": "/usr/bin:/bin"}

    def runs() -> list[str]:
        done = subprocess.run(
            [*told, *CONTAINER["args"]], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert runs() == ["train.py", "--name", "digits", "--strategy", "multi-worker", *CONTAINER["args"]]
    (tmp_path / "logs/digits").mkdir(parents=True)
    (tmp_path / "logs/digits/config.json").touch()
    assert runs() == ["train.py", "--resume", "logs/digits", "--strategy", "multi-worker"]


def test_what_is_made_of_the_model_is_made_by_a_pod_alone(tmp_path, monkeypatch):
    """The second Job judges and publishes the run that the arguments of the first have trained."""
    pod = FINISH["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    for part in ("image", "resources", "securityContext", "volumeMounts"):
        assert container[part] == CONTAINER[part], part
    assert pod["volumes"] == POD["volumes"] and pod["securityContext"] == POD["securityContext"]
    assert FINISH["spec"]["template"]["metadata"]["labels"] != JOB["template"]["metadata"]["labels"]
    assert "env" not in container  # which told it of workers to wait for

    monkeypatch.delenv("TF_CONFIG", raising=False)
    (name,) = [each["value"] for each in CONTAINER["env"] if each["name"] == "RUN"]
    few = few_digits(tmp_path, 64, 32)
    succeed(train(*CONTAINER["args"], *few, "--steps", 2, "--logs", tmp_path / "logs", "--name", name))
    run = tmp_path / "logs" / name
    assert not list(run.glob("evaluation/*.json")) and not run.joinpath("export").exists()
    trained = {**json.loads((run / "config.json").read_text()), "strategy": "multi-worker"}
    (run / "config.json").write_text(json.dumps(trained))
    succeed(commands.run(ROOT / "train.py", *container["args"], cwd=tmp_path))
    assert list(run.glob("evaluation/*.json")) and list(run.glob("export/*/1/saved_model.pb"))


def test_a_mistake_is_not_tried_again():
    for job in (JOB, FINISH["spec"]):
        rules = job["podFailurePolicy"]["rules"]
        assert {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [2]}} in rules
        assert job["template"]["spec"]["restartPolicy"] == "Never"  # which such rules take
