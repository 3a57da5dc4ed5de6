"""What a record says of itself."""

from __future__ import annotations

import pytest

from aigc_tf import evaluation_record


@pytest.mark.parametrize(
    ("interval", "warning", "said"),
    [
        ([0.02, 0.08], "4.6% of the images are near copies of training images", True),
        ([0.005, 0.02], "1.0% of the images are near copies of training images", False),  # too few to be sure
        ([0.02, 0.08], "", False),  # as many of the real ones are
        (None, "100.0% of the images are near copies of training images", False),
    ],
)
def test_copies_count_where_they_are_many_for_certain_and_more_than_among_real_images(interval, warning, said):
    record = {"measures": {"memorised_share": {"interval": interval, "warning": warning}}}
    assert evaluation_record.copies(record) == (warning if said else "")


def test_nobody_looked_for_copies():
    assert evaluation_record.copies({"measures": {}}) == ""
