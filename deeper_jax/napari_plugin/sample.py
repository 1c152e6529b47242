"""The sample in napari's menu "File > Open Sample"."""

from deeper_jax.napari_plugin.layers import Layer, map_layers


def sample_layers() -> list[Layer]:
    """A SIMULATED scan of one cell, as `deeper_jax.sample_map` gives."""
    from deeper_jax.data.sample_map import sample_map

    return map_layers(sample_map())
