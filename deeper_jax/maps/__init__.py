"""Raman maps with their coordinates: read from instruments' files into one labelled form.

xarray and the vendors' libraries come with the extra `maps`; nothing outside this package imports them.
"""

from deeper_jax.maps.reading import read_map

__all__ = ["read_map"]
