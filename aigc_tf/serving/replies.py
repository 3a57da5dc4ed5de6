"""Answers about models, not from them: which versions there are, and what a version takes and gives."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from aigc_tf.serving.models import Version

# What asks for fields at their default value: each lane's protobuf knows one of the two names.
_NAMES = ("including_default_value_fields", "always_print_fields_with_no_presence")
(_WITH_DEFAULTS,) = set(_NAMES) & inspect.signature(MessageToDict).parameters.keys()


def status(versions: Sequence[Version]) -> get_model_status_pb2.GetModelStatusResponse:
    """State and error of each version."""
    reply = get_model_status_pb2.GetModelStatusResponse()
    for version in versions:
        entry = reply.model_version_status.add(version=version.number, state=version.state)
        if version.error is not None:
            entry.status.error_code = version.error.code.value[0]
            entry.status.error_message = version.error.message
        else:
            entry.status.SetInParent()
    return reply


def signatures(version: Version) -> get_model_metadata_pb2.SignatureDefMap:
    """What an available version takes and gives."""
    assert version.export is not None
    found = get_model_metadata_pb2.SignatureDefMap()
    for name, proto in version.export.signature_def.items():
        found.signature_def[name].CopyFrom(proto)
    return found


def to_json(message: Message) -> dict:
    """As TensorFlow Serving prints it: with the names of the proto, and with fields that have their default value."""
    return MessageToDict(message, preserving_proto_field_name=True, **{_WITH_DEFAULTS: True})
