"""What a hyperspectral image is made of: endmembers, abundances, classes of pixels, maps of bands, false colour.

NumPy and SciPy in float64; the spectral axis is last, and any axes may stand before it unless said otherwise.
"""

from deeper_jax.unmixing.abundances import (
    abundance_error,
    abundance_fractions,
    class_confusion,
    classification_accuracy,
    classify_pixels,
    non_negative_abundances,
)
from deeper_jax.unmixing.false_colour import false_colour_image
from deeper_jax.unmixing.peak_maps import band_area
from deeper_jax.unmixing.spectral_angles import spectral_angle
from deeper_jax.unmixing.vertex_components import VertexComponents, vertex_component_analysis

__all__ = [
    "VertexComponents",
    "abundance_error",
    "abundance_fractions",
    "band_area",
    "class_confusion",
    "classification_accuracy",
    "classify_pixels",
    "false_colour_image",
    "non_negative_abundances",
    "spectral_angle",
    "vertex_component_analysis",
]
