"""Settings of the simulator of Raman images, and the spectrometer's default axis."""

import dataclasses

import numpy as np

from deeper_jax.errors import InputError

Range = tuple[float, float]

# The molecules of each kind of sample, in the order of abundances and endmembers.
CELL_MOLECULES = ("protein", "lipid", "nucleic_acid", "carbohydrate", "cytochrome_c")
CARTILAGE_MOLECULES = ("protein", "lipid", "nucleic_acid", "collagen", "chondroitin_sulfate", "polystyrene")

# A grating spectrometer is nearly linear in wavelength; the third term is what real calibrations leave over.
_LASER_NM = 532.0
_AXIS_NM = (546.485306, 42.0596988, -0.208504607)


def default_wavenumbers() -> np.ndarray:
    """Return the 500 channels of the DeepeR cell data.

    Returns:
        Float32 `[500]`, in cm^-1, from 498.3 to 1799.9 with a step falling from 2.82 to 2.42: a quadratic in
        wavelength at 532 nm excitation (within 0.1 cm^-1 of the axis distributed by the authors).
    """
    position = np.linspace(0.0, 1.0, 500)
    wavelength_nm = _AXIS_NM[0] + _AXIS_NM[1] * position + _AXIS_NM[2] * position**2
    return ((1.0 / _LASER_NM - 1.0 / wavelength_nm) * 1e7).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class SimulatorConfig:
    """Ranges from which one simulated sample is drawn; hashable, so usable as a static argument of `jax.jit`.

    A pair `(a, b)` is the closed range of a uniform draw, once a sample; `(a, a)` fixes the value. "Counts" are
    detector counts of the low (short) exposure unless said otherwise. The defaults reproduce pairs measured
    on a MDA-MB-231 cell (0.1 s against 1 s class), with the cell-to-cell variation a network must survive.
    Cartilage has no use for the sizes of cell, nucleus and droplets, nor for `cells_per_draw`.

    Attributes:
        signal_level: factor on all light (laser power, focus), 1.
        molecular_counts: height of the strongest band of protein in dense cytoplasm, or of collagen in dense
            matrix, counts.
        window_counts: height at 500 cm^-1 of the fall made by optics and window, counts.
        window_decay: e-folding length of that fall, cm^-1.
        window_knee: wavenumber where the fall ends, cm^-1.
        floor_counts: flat background, counts.
        water_counts: height of the water bending band near 1640 cm^-1, counts.
        water_width: its full width at half maximum, cm^-1.
        water_displaced: fraction of the water that the densest part of the sample displaces.
        medium_fluorescence_counts: largest value of a smooth fluorescence present in every pixel, counts.
        cell_fluorescence_counts: largest value of the cell's (or tissue's) own smooth fluorescence, counts.
        illumination_slope: relative change of the background across the image.
        filter_edge: wavenumber of the filter's roll-off, cm^-1.
        filter_edge_width: scale of the logistic roll-off, cm^-1.
        filter_edge_depth: fraction of the light that the roll-off takes away.
        band_shift: standard deviation of a band's position, cm^-1, cut at 2.5 deviations.
        axis_shift: standard deviation of a shift common to all bands (calibration), cm^-1.
        band_width_spread: standard deviation of the logarithm of a band's width.
        band_height_spread: standard deviation of the logarithm of a band's height.
        resolution: spectral resolution, cm^-1; no band is narrower.
        cell_diameter: diameter of the cell over the shorter side of the image.
        nucleus_diameter: diameter of the nucleus over the cell's.
        droplet_count: number of lipid droplets, at most 40.
        droplet_diameter: diameter of a droplet, pixels.
        blur: standard deviation of the optical blur, pixels.
        low_offset: constant electronic offset of the short exposure, counts.
        offset_step_probability: probability that a short read-out sits one count above its offset, and the
            same for one below (seen in the real data: the offset is an integer fixed at each read-out).
        high_offset: constant offset of the long exposure, counts of the long exposure.
        exposure_ratio: light of the long exposure over that of the short one.
        low_gain: variance per mean count of the short exposure (1 / photo-electrons a count), counts.
        high_gain: the same of the long exposure.
        read_noise: standard deviation of one read-out, counts, without the rounding.
        high_readouts: number of read-outs that the long exposure's read noise amounts to.
        low_cosmic_rate: probability of a cosmic ray in a spectrum of the short exposure.
        high_cosmic_rate: the same of the long exposure.
        cosmic_height: height of a cosmic ray over the largest expected count of its spectrum.
        cells_per_draw: number of different cells that `simulate_spectra` mixes in one call.
    """

    signal_level: Range = (0.85, 1.15)
    molecular_counts: Range = (2.5, 6.5)
    window_counts: Range = (6.5, 10.5)
    window_decay: Range = (380.0, 520.0)
    window_knee: Range = (870.0, 930.0)
    floor_counts: Range = (1.7, 2.6)
    water_counts: Range = (4.2, 5.4)
    water_width: Range = (88.0, 108.0)
    water_displaced: Range = (0.05, 0.25)
    medium_fluorescence_counts: Range = (0.0, 0.6)
    cell_fluorescence_counts: Range = (0.3, 1.8)
    illumination_slope: Range = (-0.06, 0.06)
    filter_edge: Range = (1735.0, 1755.0)
    filter_edge_width: Range = (18.0, 26.0)
    filter_edge_depth: Range = (0.6, 0.75)
    band_shift: float = 1.5
    axis_shift: float = 1.0
    band_width_spread: float = 0.08
    band_height_spread: float = 0.15
    resolution: float = 11.0
    cell_diameter: Range = (0.6, 0.9)
    nucleus_diameter: Range = (0.30, 0.45)
    droplet_count: tuple[int, int] = (8, 36)
    droplet_diameter: Range = (1.0, 4.0)
    blur: Range = (0.5, 0.8)
    low_offset: Range = (2.2, 2.6)
    offset_step_probability: float = 0.17
    high_offset: Range = (0.0, 0.0)
    exposure_ratio: Range = (20.0, 21.6)
    low_gain: Range = (0.20, 0.226)
    high_gain: Range = (0.184, 0.208)
    read_noise: Range = (0.66, 0.76)
    high_readouts: int = 10
    low_cosmic_rate: float = 0.0005
    high_cosmic_rate: float = 0.004
    cosmic_height: Range = (3.0, 30.0)
    cells_per_draw: int = 32

    def __post_init__(self) -> None:
        """Refuse ranges that are reversed or negative where that has no meaning."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            ends = value if isinstance(value, tuple) else (value, value)
            if len(ends) != 2 or not ends[0] <= ends[1]:
                raise InputError(
                    f"SimulatorConfig.{field.name} is {value!r}: expected (smallest, largest); swap the two."
                )
            if field.name == "droplet_count" and ends[1] > 40:
                raise InputError(f"SimulatorConfig.droplet_count is {value!r}: expected at most 40 droplets.")
            if ends[0] < 0 and field.name != "illumination_slope":
                raise InputError(f"SimulatorConfig.{field.name} is {value!r}: it cannot be negative.")


def cartilage_config() -> SimulatorConfig:
    """Return settings for tissue-engineered cartilage: the same spectrometer, another sample.

    A millimetre of tissue gives more light than a cell, displaces more of the water, hides the window and
    fluoresces more; the blur is half as many of its pixels, which are twice as large. How much of each is
    plausible, not measured.
    """
    return SimulatorConfig(
        molecular_counts=(6.0, 10.0),
        window_counts=(3.0, 5.5),
        water_counts=(2.5, 4.0),
        water_displaced=(0.35, 0.55),
        cell_fluorescence_counts=(0.8, 3.0),
        blur=(0.35, 0.55),
    )
