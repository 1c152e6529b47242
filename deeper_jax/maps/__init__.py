"""Raman maps with their coordinates: read from instruments' files into one labelled form, and written to others.

xarray and the vendors' libraries are imported when a file is read; nothing outside this package imports the latter.
"""

from deeper_jax.maps.raman_map import raman_map
from deeper_jax.maps.reading import read_data_set, read_map
from deeper_jax.maps.writing import check_writable, write_map

__all__ = ["check_writable", "raman_map", "read_data_set", "read_map", "write_map"]
