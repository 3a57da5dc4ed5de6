"""Nearest neighbours against SciPy's tree and by hand; copies, far origins, and the memory they take."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from aigc_tf.metrics import neighbours
from aigc_tf.metrics.evidence import MissingEvidence


def points(seed: int, count: int, width: int = 7, offset: float = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(count, width)) + offset).astype(np.float32)


@pytest.mark.parametrize("offset", [0, 1000])
def test_the_nearest_is_that_of_a_tree(offset):
    queries, references = points(0, 700, offset=offset), points(1, 1300, offset=offset)
    distances, indices = KDTree(references).query(queries)
    index, distance = neighbours.nearest(queries, references)
    assert index.dtype == np.int64 and distance.dtype == np.float32
    np.testing.assert_array_equal(index, indices)
    np.testing.assert_allclose(distance, distances, rtol=1e-6)


def test_neighbours_within_a_set_leave_out_the_point_itself():
    several = points(2, 900)
    expected = KDTree(several).query(several, k=6)[0][:, 1:]
    np.testing.assert_allclose(neighbours.neighbour_distances(several, 5, "real"), expected, rtol=1e-6)


def test_copies_lie_at_exactly_0_and_count_as_other_points():
    several = np.repeat(points(3, 50, offset=300), 3, axis=0)
    distances = neighbours.neighbour_distances(several, 3, "real")
    assert (distances[:, :2] == 0).all() and (distances[:, 2] > 0).all()
    index, distance = neighbours.nearest(several[::3], several)
    assert (distance == 0).all()
    np.testing.assert_array_equal(several[index], several[::3])


def test_balls_are_counted_as_by_hand(monkeypatch):
    monkeypatch.setattr(neighbours, "_TILE", 5000)  # 12 rows at a time
    queries, centres = points(4, 500), points(5, 400)
    radii = np.random.default_rng(6).uniform(1, 5, size=400).astype(np.float32)
    expected = (cdist(queries, centres) <= radii).sum(axis=1)
    np.testing.assert_array_equal(neighbours.count_balls(queries, centres, radii), expected)
    assert expected.min() < 20 < 150 < expected.max()


@pytest.mark.parametrize("width", [84, 2048])
def test_balls_hold_their_surface_and_balls_of_radius_0_their_centre(width):
    centres = points(7, 300, width, offset=100)
    assert (neighbours.count_balls(centres, centres, np.zeros(300)) == 1).all()
    radii = neighbours.neighbour_distances(centres, 3, "real")[:, -1]
    # Each ball holds its centre and three neighbours, the farthest of them on its surface.
    assert neighbours.count_balls(centres, centres, radii).sum() == 300 * 4
    expected = (cdist(centres, centres) <= 0.99999 * radii).sum(axis=1)
    assert 890 < expected.sum() <= 900
    np.testing.assert_array_equal(neighbours.count_balls(centres, centres, 0.99999 * radii), expected)


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(MissingEvidence, match="at least 6 real images, not 5"):
        neighbours.neighbour_distances(points(0, 5), 5, "real")
    with pytest.raises(ValueError, match="width"):
        neighbours.nearest(points(0, 5), points(0, 5, 8))
    with pytest.raises(ValueError, match="width"):
        neighbours.count_balls(points(0, 5), points(0, 5, 8), np.ones(5))


def test_no_table_of_all_distances_is_ever_in_memory():
    # 3,000 × 50,000 distances would take 600 MB even as float32, 12,000 × 12,000 as many.
    code = """
import resource
import numpy as np
from aigc_tf.metrics import neighbours

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # MB, on Linux

many = np.random.default_rng(0).normal(size=(50_000, 84)).astype(np.float32)
neighbours.nearest(many[:300], many[:300])
before = peak()
neighbours.nearest(many[:3000], many)
neighbours.count_balls(many[:3000], many, np.full(len(many), 10.0))
neighbours.neighbour_distances(many[:12_000], 5, "real")
print(peak() - before)
"""
    grown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert int(grown) < 200, f"{grown} MB"
