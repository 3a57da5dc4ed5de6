"""One understanding of HOST:PORT, whoever is given it."""

from __future__ import annotations

import pytest
from commands import refused, run

from aigc_tf.addresses import host_and_port, joined
from aigc_tf.errors import UserError
from aigc_tf.rollout.servers import Servers
from aigc_tf.serving.server_under_test import Server
from aigc_tf.serving.target import Target

PARTS = {
    "localhost:8501": ("localhost", 8501),
    "127.0.0.1:1": ("127.0.0.1", 1),
    "a-b.c_d.internal:65535": ("a-b.c_d.internal", 65_535),
    "[::1]:8501": ("::1", 8501),
    "[::ffff:127.0.0.1]:8501": ("::ffff:127.0.0.1", 8501),
    "[fe80::1%eth0]:8501": ("fe80::1%eth0", 8501),
}
NONE = ["", "localhost", ":8501", "localhost:", "localhost:0", "localhost:65536", "localhost:٨٥٠١", "::1:8501"]
NONE += ["::1", "[::1]", "[localhost]:8501", "[]:8501", "http://localhost:8501", "localhost:8501/v1", "a b:1", "a:1\n"]


@pytest.mark.parametrize("address", PARTS)
def test_what_is_an_address_is_one_for_all(address):
    assert host_and_port(address) == PARTS[address]
    assert joined(*PARTS[address]) == address
    assert Servers((address,)).server == (Target(address, "digits").server,)


GIVEN_ONE = (
    host_and_port,
    lambda address: Servers((address,)),
    lambda address: Target(address, "digits"),
    lambda address: Server(address, "digits"),
    lambda address: Server("localhost:8501", "digits", grpc=address),
)


@pytest.mark.parametrize("address", NONE)
def test_what_is_none_is_none_for_all(address):
    for taken in GIVEN_ONE:
        with pytest.raises(UserError, match="is no HOST:PORT, such as"):
            taken(address)


def test_a_wrong_address_is_told_before_anything_is_checked():
    assert "'::1:8501' is no HOST:PORT" in refused(run("-m", "aigc_tf", "conformance", "::1:8501", "--model", "digits"))
