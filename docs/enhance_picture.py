"""Draw docs/enhance.png, a SIMULATED cell before and after `enhance`: python docs/enhance_picture.py [FILE.png]."""

import sys
from pathlib import Path

import jax
import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

import deeper_jax
from deeper_jax.maps import raman_map
from deeper_jax.simulator import SimulatorConfig, default_wavenumbers, simulate_cell

HEIGHT, WIDTH, STEP = 48, 64, 0.5  # pixels; micrometres
BAND = 1450.0  # cm⁻¹, CH₂ bending


def main(file: Path) -> None:
    """Simulate, enhance and draw."""
    wavenumbers = default_wavenumbers()
    simulate = jax.jit(simulate_cell, static_argnums=(1, 2, 4))
    cell = simulate(jax.random.key(3), HEIGHT, WIDTH, wavenumbers, SimulatorConfig())
    y, x = STEP * np.arange(HEIGHT), STEP * np.arange(WIDTH)
    result = deeper_jax.enhance(raman_map(np.asarray(cell.low), wavenumbers, y=y, x=x))
    spectra = {
        "measured": np.asarray(cell.low),
        "enhanced": result["intensity"].values,
        "truth": np.asarray(cell.low_truth),
    }
    draw(spectra, result["uncertainty"].values, wavenumbers, file)


def draw(spectra: dict[str, np.ndarray], uncertainty: np.ndarray, wavenumbers: np.ndarray, file: Path) -> None:
    """Three maps of one band above one pixel's spectra."""
    channel = int(np.abs(wavenumbers - BAND).argmin())
    images = {name: cube[..., channel] for name, cube in spectra.items()}
    # A pixel of the cell like many others, not its brightest.
    typical = np.abs(images["truth"] - np.quantile(images["truth"], 0.9))
    row, column = np.unravel_index(typical.argmin(), typical.shape)
    low, high = images["truth"].min(), images["truth"].max()
    extent = STEP * np.array([-0.5, WIDTH - 0.5, HEIGHT - 0.5, -0.5])

    figure = plt.figure(figsize=(9, 5.6), dpi=110, layout="constrained")
    axes = figure.subplot_mosaic([["measured", "enhanced", "truth"], ["spectrum"] * 3], height_ratios=(1, 0.95))
    for name, image in images.items():
        shown = axes[name].imshow(image, extent=extent, vmin=low, vmax=high)
        axes[name].plot(STEP * column, STEP * row, "o", mfc="none", mec="white", ms=7)
        axes[name].set(title=f"{name}, {BAND:.0f} cm⁻¹", xlabel="x / µm")
    axes["measured"].set_ylabel("y / µm")
    figure.colorbar(shown, ax=[axes[name] for name in images], label="counts", aspect=14, pad=0.01, shrink=0.75)

    axis = axes["spectrum"]
    measured, enhanced, truth = (cube[row, column] for cube in spectra.values())
    error = 1.645 * uncertainty[row, column]
    axis.plot(wavenumbers, measured, color="0.65", lw=0.6, label="measured")
    axis.plot(wavenumbers, truth, color="black", lw=0.9, label="truth")
    axis.plot(wavenumbers, enhanced, color="tab:orange", lw=1.2, label="enhanced")
    axis.fill_between(
        wavenumbers, enhanced - error, enhanced + error, color="tab:orange", alpha=0.35, lw=0, label="its 90 % interval"
    )
    axis.set(
        xlabel="Raman shift / cm⁻¹", ylabel="counts", xlim=(wavenumbers[0], wavenumbers[-1]), title="the circled pixel"
    )
    axis.legend(frameon=False, ncols=4, fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("enhance.png"))
