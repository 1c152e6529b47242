"""A smooth sample, and the tables that the benchmarks of restoration print of it."""

import jax.numpy as jnp

from benchmarks.restoration.__main__ import main


def smooth_truth(height, width, axis, level):
    """Expected counts [height, width, L] of three images, from half of `level` on."""
    y, x = jnp.mgrid[:height, :width]
    images = jnp.stack([2 + jnp.sin(x / 3), 2 + jnp.cos(y / 4), 3.0 * (jnp.hypot(y - 8, x - 7) < 5)], -1)
    bands = jnp.exp(-0.5 * ((axis - jnp.array([[800.0], [1100.0], [1450.0]])) / 15) ** 2)
    return level * (0.5 + images @ bands)


def rows(capsys, *arguments):
    """The cells of the table that a part prints, without its head."""
    main([str(each) for each in arguments])
    lines = [line.rsplit("\r")[-1] for line in capsys.readouterr().out.splitlines()]
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines if line.startswith("|")]
    return cells[2:]
