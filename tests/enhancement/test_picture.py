"""The picture of a page is a PNG that other programs read."""

import numpy as np
from numpy.testing import assert_array_equal
from PIL import Image

from deeper_jax.enhancement.report.page import write_picture


def test_other_programs_read_the_picture(tmp_path):
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 256, (height, 23, 3)).astype(np.uint8) for height in (31, 8)]
    write_picture(tmp_path / "map.png", [parts[0], np.zeros((0, 0, 3), np.uint8), parts[1]])
    with Image.open(tmp_path / "map.png") as read:
        assert (read.format, read.mode) == ("PNG", "RGB")
        assert_array_equal(np.asarray(read), np.concatenate(parts))
