"""The picture of a page is a PNG that other programs read."""

import numpy as np
from numpy.testing import assert_array_equal
from PIL import Image

from deeper_jax.enhancement.report import picture


def test_other_programs_read_the_picture(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    figures = [rng.integers(0, 256, (height, 23, 3)).astype(np.uint8) for height in (31, 8)]
    monkeypatch.setattr(picture, "picture_figures", lambda drawn: drawn)
    monkeypatch.setattr(picture, "drawn", lambda figure: figure)
    picture.write_picture(tmp_path / "map.png", figures)
    with Image.open(tmp_path / "map.png") as read:
        assert (read.format, read.mode) == ("PNG", "RGB")
        assert_array_equal(np.asarray(read), np.concatenate(figures))
