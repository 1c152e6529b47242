"""Simulated cartilage: layers, cells, spectra, and the patches written from it."""

import dataclasses
import functools
import json

import jax
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from deeper_jax import simulator
from deeper_jax.data.image_files import read_images
from deeper_jax.data.simulated_data import _image_and_truth, write_simulated_images
from deeper_jax.errors import InputError
from deeper_jax.simulator.cartilage_phantom import draw_cartilage_phantom
from deeper_jax.simulator.molecules import BANDS
from deeper_jax.spectra.preprocessing import PUBLISHED_STEPS, apply_steps

AXIS = simulator.default_wavenumbers()
CONFIG = simulator.cartilage_config()
PROTEIN, LIPID, NUCLEIC_ACID, COLLAGEN, CHONDROITIN_SULFATE, POLYSTYRENE = range(6)
HEIGHT, WIDTH = 121, 75
simulate = jax.jit(simulator.simulate_cartilage, static_argnums=(1, 2, 4))


@functools.cache
def phantoms(count=3, height=256, width=130):
    draw = jax.jit(draw_cartilage_phantom, static_argnums=(1, 2, 3))
    return [jax.tree.map(np.asarray, draw(jax.random.key(n), height, width, CONFIG)) for n in range(count)]


@functools.cache
def section():
    """A section whose bands lie exactly where the tables say."""
    exact = dataclasses.replace(CONFIG, band_shift=0.0, axis_shift=0.0, band_width_spread=0.0, band_height_spread=0.0)
    return jax.tree.map(np.asarray, simulate(jax.random.key(3), HEIGHT, WIDTH, AXIS, exact))


def test_parts_of_a_section_fit_together():
    image = section()
    for name in ("low", "high", "low_truth", "high_truth", "background"):
        values = getattr(image, name)
        assert values.shape == (HEIGHT, WIDTH, 500) and values.dtype == np.float32 and np.isfinite(values).all()
    assert image.abundances.shape == (HEIGHT, WIDTH, len(simulator.CARTILAGE_MOLECULES))
    assert image.abundances.min() >= 0 and image.endmembers.min() >= 0
    for counts in (image.low, image.high):
        assert counts.min() >= 0 and (counts == np.round(counts)).all()
    product = np.float64(image.abundances) @ np.float64(image.endmembers)
    np.testing.assert_allclose(image.low_truth, image.background + product, rtol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (64, 7)])
def test_any_size_and_axis(height, width):
    axis = np.linspace(602, 1798, 40)
    image = simulate(jax.random.key(1), height, width, axis, CONFIG)
    assert image.high.shape == (height, width, 40) and np.isfinite(image.high_truth).all()


def test_same_key_gives_same_arrays():
    axis = np.linspace(602, 1798, 40)
    first, second, other = (simulate(jax.random.key(seed), 64, 7, axis, CONFIG) for seed in (4, 4, 5))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.mean(np.asarray(other.high) != np.asarray(first.high)) > 0.5


def test_layers_follow_one_another():
    for maps in phantoms():
        np.testing.assert_allclose(maps.layers.sum(-1), 1.0, atol=1e-5)
        assert 0.04 < maps.layers.mean((0, 1)).min()
        rows = np.arange(256)[:, None, None]
        centres = (maps.layers * rows).sum((0, 1)) / maps.layers.sum((0, 1))
        assert (np.diff(centres) > 20).all()
        # Interfaces are wavy or tilted, not straight rows.
        assert (np.ptp((maps.layers.cumsum(-1)[..., :3] > 0.5).sum(0), axis=0) >= 2).all()


def test_molecules_lie_in_their_layers():
    for maps in phantoms():
        substrate, dense, sparse, medium = np.moveaxis(maps.layers, -1, 0)
        assert np.corrcoef(maps.amounts[..., POLYSTYRENE].ravel(), substrate.ravel())[0, 1] > 0.99
        matrix = maps.cells + maps.rings < 0.05
        assert np.corrcoef(maps.amounts[matrix, COLLAGEN], dense[matrix])[0, 1] > 0.9
        means = [(maps.amounts * layer[..., None]).sum((0, 1)) / layer.sum() for layer in (dense, sparse * matrix)]
        assert means[0][COLLAGEN] > 2 * means[1][COLLAGEN]
        assert means[1][CHONDROITIN_SULFATE] > means[1][COLLAGEN]
        assert maps.amounts[medium > 0.995].max() < 0.05 and maps.density[medium > 0.995].max() < 0.05
        inside = maps.cells > 0.8
        assert maps.amounts[inside, NUCLEIC_ACID].mean() > 3 * maps.amounts[~inside, NUCLEIC_ACID].mean()


def test_cells_are_round_and_ringed_and_in_the_sparse_matrix_only():
    diameters, extents, count = [], [], 0
    for maps in phantoms():
        inside = maps.cells > 0.5
        assert maps.layers[inside, 2].mean() > 0.9
        labels, found = scipy.ndimage.label(inside)
        count += found
        for number, box in enumerate(scipy.ndimage.find_objects(labels), 1):
            at_border = any(s.start == 0 or s.stop == n for s, n in zip(box, inside.shape, strict=True))
            if not at_border:
                diameters.append(2 * np.sqrt((labels[box] == number).sum() / np.pi))
                extents.append(max(s.stop - s.start for s in box) / min(s.stop - s.start for s in box))
        # Collagen is high in the ring, less in the matrix around it, and there is none in the cell.
        collagen = maps.amounts[..., COLLAGEN]
        around = (maps.layers[..., 2] > 0.99) & (maps.cells < 0.05) & (maps.rings < 0.05)
        assert (
            collagen[maps.rings > 0.8].mean() > 1.7 * collagen[around].mean() > 5 * collagen[maps.cells > 0.99].mean()
        )
    assert count > 60
    # Some touch and count as one.
    assert 8 < np.median(diameters) < 15 and np.percentile(diameters, 10) > 7
    assert np.median(extents) < 1.4


@pytest.mark.parametrize(
    ("rows", "molecule", "positions"),
    [
        ((0, 6), "polystyrene", (621, 1001, 1031, 1602)),
        ((24, 36), "collagen", (855, 938, 1032, 1450, 1668)),
        ((24, 36), "chondroitin_sulfate", (1063,)),
    ],
)
def test_bands_lie_where_the_molecules_are(rows, molecule, positions):
    image = section()
    spectrum = (image.low_truth - image.background)[slice(*rows)].mean((0, 1))
    peaks = AXIS[scipy.signal.find_peaks(spectrum)[0]]
    for position in positions:
        assert position in [band[0] for band in BANDS[molecule]]
        # Channels are up to 2.8 cm^-1 apart, and neighbouring bands may pull a summit a little.
        assert np.abs(peaks - position).min() < 5, position


def test_cartilage_is_unlike_cells():
    simulate_cell = jax.jit(simulator.simulate_cell, static_argnums=(1, 2, 4))
    cell = simulate_cell(jax.random.key(0), 16, 16, AXIS, simulator.SimulatorConfig())
    means = [
        np.asarray(apply_steps(np.mean(image.high_truth, (0, 1)), AXIS, PUBLISHED_STEPS)[0])
        for image in (cell, section())
    ]
    cosine = means[0] @ means[1] / np.prod([np.linalg.norm(mean) for mean in means])
    assert np.degrees(np.arccos(cosine)) > 20


def test_patches_for_training_and_testing_are_of_different_sections(tmp_path):
    settings = {"sample": "cartilage", "images": 10, "test_images": 5, "height": 12, "width": 9, "seed": 4}
    write_simulated_images(tmp_path / "one", **settings)
    write_simulated_images(tmp_path / "two", **settings)
    images, again = read_images(tmp_path / "one"), read_images(tmp_path / "two")
    assert images.names == tuple(f"cartilage_{n:03d}" for n in range(10))
    assert images.test_names == images.names[5:]
    record = json.loads((tmp_path / "one" / "images.json").read_text())
    assert record["simulated"] is True and record["seed"] == 4
    patches = [record["patches"][name] for name in images.names]
    assert [patch["section"] for patch in patches] == [0] * 5 + [1] * 5
    assert [(patch["row"], patch["column"]) for patch in patches[:5]] == [(0, 0), (12, 0), (24, 0), (36, 0), (0, 9)]

    keys = jax.random.split(jax.random.key(4), 2)
    sections = [_image_and_truth(simulator.simulate_cartilage, key, 48, 18, CONFIG) for key in keys]
    for patch, image, other, truth in zip(patches, images.images, again.images, images.truths, strict=True):
        np.testing.assert_array_equal(image, other)
        place = np.s_[patch["row"] : patch["row"] + 12, patch["column"] : patch["column"] + 9]
        for found, whole in zip((image, truth), sections[patch["section"]], strict=True):
            np.testing.assert_array_equal(found, whole[place])
        assert np.corrcoef(image.ravel(), truth.ravel())[0, 1] > 0.9


def test_large_sets_take_several_sections(tmp_path, monkeypatch):
    # The layout is looked at, not the images.
    monkeypatch.setattr("deeper_jax.data.simulated_data._patches", lambda *_: iter(()))
    write_simulated_images(tmp_path / "set", sample="cartilage", images=28, test_images=12)
    patches = json.loads((tmp_path / "set" / "images.json").read_text())["patches"].values()
    assert [patch["section"] for patch in patches] == [0] * 8 + [1] * 8 + [2] * 12
    assert max(patch["row"] for patch in patches) == 192 and max(patch["column"] for patch in patches) == 128
    assert len({tuple(patch.values()) for patch in patches}) == 28


def test_unknown_samples_are_refused(tmp_path):
    with pytest.raises(InputError, match="sample is 'bone': choose 'cell' or 'cartilage'"):
        write_simulated_images(tmp_path / "set", sample="bone")
