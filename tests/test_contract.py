"""What a contract tells as data, and what it may not."""

from __future__ import annotations

import json

import conditional
import pytest

from aigc_tf import contract
from aigc_tf.errors import UserError

DIRECTIONS = ((1.0, 0.0, 0.0, 0.0, 0.0), (0.0, -0.6, 0.8, 0.0, 1e-05))


def test_directions_are_told_and_read_again():
    promised = conditional.changed("mix", directions=DIRECTIONS)
    text = promised.to_json()
    assert contract.from_json(text) == promised
    assert "        [0.0, -0.6, 0.8, 0.0, 1e-05]\n" in text  # a line each, and not one for each number
    del (told := json.loads(text))["signatures"]["mix"]["directions"]  # as in exports of before
    assert contract.from_json(json.dumps(told)) == conditional.PROMISED


def test_names_that_look_like_lists_stay_as_they_are():
    promised = contract.Contract("image", conditional.PROMISED.signatures, class_names=("[ 1 ]", "[\n 2\n]"))
    assert contract.from_json(promised.to_json()) == promised


@pytest.mark.parametrize(("name", "wrong"), [("mix", ((1.0,) * 4,)), ("rate", DIRECTIONS), ("sample", DIRECTIONS)])
def test_directions_that_nothing_takes_are_refused(name, wrong):
    with pytest.raises(UserError, match=f"directions of {name} are no vectors that it takes"):
        contract.from_json(conditional.changed(name, directions=wrong).to_json())
