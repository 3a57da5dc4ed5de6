"""When training gives memory back; `tests/test_memory.py` sees that it does."""

import types

import tensorflow as tf

from aigc_tf import memory
from aigc_tf.callbacks.giving_back import GivingBack


def test_behind_the_first_call_and_every_so_many_steps_of_each_fit(monkeypatch):
    given = []
    monkeypatch.setattr(memory, "give_back", lambda: given.append(True))
    callback = GivingBack(every=10)
    for first_step, expected in ((3, [4, 10, 20]), (23, [24, 30, 40])):
        callback.set_model(types.SimpleNamespace(step=tf.Variable(first_step)))
        callback.on_train_begin()
        seen = []
        for batch in range(20):
            given.clear()
            callback.on_train_batch_end(batch)
            seen += [first_step + batch + 1] * len(given)
        assert seen == expected
