"""The image pipeline against a per-image NumPy twin, its statistics, and its reproducibility."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import scipy.stats

from deeper_jax.data.augmentation import ImageAugmentationConfig
from deeper_jax.data.batches import image_evaluation_batches
from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.data.image_augmentation import (
    ImageDraws,
    augment_image,
    centre_patch,
    draw_images,
    patch_of,
)
from deeper_jax.data.image_pipeline import image_draws_by_step, image_training_batches
from deeper_jax.errors import InputError

PLAIN = ImageAugmentationConfig(mixup=0, horizontal_flip=0, vertical_flip=0, rotate=False, shift=0, spectral_flip=0)


def make_images(arrays, truths=None):
    names = tuple(f"image {i}" for i in range(len(arrays)))
    return HyperspectralImages([np.asarray(a, np.float32) for a in arrays], names, None, "test", truths=truths)


def random_images(count, shape=(16, 16), length=20, seed=0):
    generator = np.random.default_rng(seed)
    return make_images([generator.normal(1.0, 0.5, (*shape, length)) for _ in range(count)])


def twin(images, draws, patch):
    """One image augmented in float64, step by step in the order of the released code."""
    views = []
    for which in (0, 1):
        image = images[draws.rows[which]].astype(np.float64)
        for axis in (0, 1):
            short = patch - image.shape[axis]
            if short > 0:
                widths = [(0, 0)] * 3
                widths[axis] = (short // 2, short - short // 2)
                image = np.pad(image, widths, mode="reflect")
            first = int(np.floor(draws.position[which][axis] * (image.shape[axis] - patch + 1)))
            image = np.take(image, range(first, first + patch), axis=axis)
        image = np.fliplr(image) if draws.horizontal[which] else image
        image = np.flipud(image) if draws.vertical[which] else image
        image = np.rot90(image, draws.turns[which])
        s = int(draws.shift)
        if s > 0:
            image = np.pad(image[..., s:], ((0, 0), (0, 0), (0, s)), mode="reflect")
        elif s < 0:
            image = np.pad(image[..., :s], ((0, 0), (0, 0), (-s, 0)), mode="reflect")
        views.append(np.flip(image, -1) if draws.spectral[which] else image)
    mixed = draws.weight * views[0] + (1 - draws.weight) * views[1]
    return mixed / mixed.max()


def steps_of(draws_of, steps):
    """(step, place in the batch, draws of one image)."""
    for step in range(steps):
        draws = draws_of(step)
        for place in range(len(draws.weight)):
            yield step, place, ImageDraws(*(values[place] for values in draws))


@pytest.mark.parametrize(
    ("shape", "patch", "scale", "raster_offsets", "length"),
    [
        ((16, 16), 16, 4, (1, 2), 20),
        ((19, 23), 12, 3, (1,), 31),
        ((5, 30), 16, 2, (0, 1), 20),
        ((3, 2), 12, 4, (3,), 9),
        ((1, 40), 8, 2, (1,), 11),
    ],
)
def test_batches_equal_the_twin_of_their_draws(shape, patch, scale, raster_offsets, length):
    images = random_images(5, shape, length)
    config = ImageAugmentationConfig(shift=0.3, spectral_flip=0.5)
    settings = {"batch_size": 4, "seed": 3, "raster_offsets": raster_offsets}
    batches = list(
        image_training_batches(images, patch=patch, scale=scale, total_steps=12, augmentation=config, **settings)
    )
    draws_of = image_draws_by_step(5, length, config=config, **settings)
    mixed = 0
    for step, place, draws in steps_of(draws_of, 12):
        expected = twin(images.images, draws, patch)
        found = batches[step]["hr_image"][place]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(
            batches[step]["lr_image"][place], found[draws.raster_offset :: scale, draws.raster_offset :: scale]
        )
        mixed += draws.weight < 1
    assert 0 < mixed < 48
    assert batches[0]["hr_image"].shape == (4, patch, patch, length)
    assert all(values.dtype == np.float32 for values in batches[0].values())


def test_mixed_sizes_of_images_in_one_batch():
    images = make_images([np.random.default_rng(i).random((6 + 5 * i, 18 - 3 * i, 10)) for i in range(4)])
    settings = {"batch_size": 4, "seed": 0, "raster_offsets": (1,)}
    (batch,) = image_training_batches(images, patch=12, scale=4, total_steps=1, **settings)
    draws_of = image_draws_by_step(4, 10, config=ImageAugmentationConfig(), **settings)
    for _, place, draws in steps_of(draws_of, 1):
        np.testing.assert_allclose(batch["hr_image"][place], twin(images.images, draws, 12), rtol=1e-5, atol=1e-5)


def plain_draws(**changes):
    two = (False, False)
    draws = ImageDraws((0, 0), 1.0, np.zeros((2, 2)), two, two, (0, 0), 0, two, 1)
    return draws._replace(**changes)


def augmented(image, draws, patch=2):
    out = np.empty((patch, patch, image.shape[-1]), np.float32)
    augment_image(out, image, image, draws)
    return out


def test_each_step_by_hand():
    image = np.zeros((2, 2, 10), np.float32)
    image[..., 0] = [[1, 2], [3, 4]]
    spectrum = np.arange(1, 11, dtype=np.float32)
    plane = [
        (plain_draws(horizontal=(True, False)), [[2, 1], [4, 3]]),
        (plain_draws(vertical=(True, False)), [[3, 4], [1, 2]]),
        (plain_draws(turns=(1, 0)), [[2, 4], [1, 3]]),
        (plain_draws(turns=(3, 0)), [[3, 1], [4, 2]]),
        (plain_draws(horizontal=(True, False), turns=(1, 0)), [[1, 3], [2, 4]]),
    ]
    for draws, expected in plane:
        np.testing.assert_allclose(4 * augmented(image, draws)[..., 0], expected)
    for draws, expected in [
        (plain_draws(shift=2), [3, 4, 5, 6, 7, 8, 9, 10, 9, 8]),
        (plain_draws(shift=-3), [4, 3, 2, 1, 2, 3, 4, 5, 6, 7]),
        (plain_draws(spectral=(True, False)), [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (plain_draws(shift=2, spectral=(True, False)), [8, 9, 10, 9, 8, 7, 6, 5, 4, 3]),
    ]:
        np.testing.assert_allclose(
            augmented(np.tile(spectrum, (2, 2, 1)), draws)[1, 0], np.array(expected) / max(expected), rtol=1e-6
        )


def test_the_largest_value_is_one_and_a_dark_image_stays():
    for batch in image_training_batches(random_images(6), batch_size=3, scale=4, seed=1, patch=8, total_steps=6):
        np.testing.assert_array_equal(batch["hr_image"].max(axis=(1, 2, 3)), 1.0)
    dark = np.full((2, 2, 10), -1.0, np.float32)
    np.testing.assert_array_equal(augmented(dark, plain_draws()), dark)
    np.testing.assert_allclose(augmented(dark, plain_draws(weight=0.25)), dark)


@pytest.mark.parametrize("seed", [0, 1])
def test_draws_follow_their_distributions(seed):
    count, length = 40_000, 500
    config = ImageAugmentationConfig()
    draws = draw_images(np.arange(count), np.random.default_rng(seed), count, length, (1, 2), config)
    # A drawn weight may round to 1, a drawn partner be the image itself; both at once does not happen here.
    mixed = (draws.weight < 1) | (draws.rows[:, 0] != draws.rows[:, 1])
    assert abs(mixed.mean() - 0.5) < 0.01
    assert scipy.stats.kstest(draws.weight[mixed], scipy.stats.beta(0.2, 0.2).cdf).pvalue > 1e-3
    assert scipy.stats.kstest(draws.rows[mixed, 1] / count, "uniform").pvalue > 1e-3
    expected = np.full(101, count / 100)
    expected[[0, -1]] /= 2
    assert scipy.stats.chisquare(np.bincount(draws.shift + 50, minlength=101), expected).pvalue > 1e-3
    for values, share in ((draws.horizontal, 0.5), (draws.vertical, 0.5), (draws.spectral, 0.25)):
        np.testing.assert_allclose(values.mean(axis=0), share, atol=0.01)
        # The image and its partner are turned independently.
        assert abs(np.corrcoef(values.T)[0, 1]) < 0.02
    for which in (0, 1):
        assert scipy.stats.chisquare(np.bincount(draws.turns[:, which], minlength=4)).pvalue > 1e-3
    assert abs((draws.raster_offset == 2).mean() - 0.5) < 0.01
    assert scipy.stats.kstest(draws.position.ravel(), "uniform").pvalue > 1e-3


def test_every_place_of_the_crop_is_equally_likely():
    image = np.arange(8.0)[:, None, None] * np.ones((1, 6, 1))
    places = np.random.default_rng(0).random((9000, 2))
    tops = [int(patch_of(image, 6, place)[0, 0, 0]) for place in places]
    assert scipy.stats.chisquare(np.bincount(tops, minlength=3)).pvalue > 1e-3


@pytest.mark.parametrize(
    ("setting", "field", "value"),
    [
        ("mixup", "weight", 1.0),
        ("horizontal_flip", "horizontal", False),
        ("vertical_flip", "vertical", False),
        ("rotate", "turns", 0),
        ("shift", "shift", 0),
        ("spectral_flip", "spectral", False),
    ],
)
def test_each_augmentation_can_be_switched_off_alone(setting, field, value):
    on, off = ImageAugmentationConfig(), ImageAugmentationConfig(**{setting: 0})
    draws = [draw_images(np.arange(200), np.random.default_rng(0), 200, 100, (1,), c) for c in (on, off)]
    assert (getattr(draws[1], field) == value).all() and not (getattr(draws[0], field) == value).all()
    for name in set(ImageDraws._fields) - {field} - ({"rows"} if setting == "mixup" else set()):
        np.testing.assert_array_equal(getattr(draws[0], name), getattr(draws[1], name))


def numbered(count):
    """Images that still tell their row after division by the maximum."""
    arrays = np.zeros((count, 4, 4, 2))
    arrays[..., 0], arrays[..., 1] = 1.0, (np.arange(count) / count)[:, None, None]
    return make_images(list(arrays))


def rows_of(batch, count):
    return np.rint(batch["hr_image"][:, 0, 0, 1] * count).astype(int).tolist()


def test_every_image_once_an_epoch_and_a_new_order_each_epoch():
    settings = {"batch_size": 4, "scale": 2, "seed": 0, "patch": 4, "augmentation": PLAIN}
    batches = image_training_batches(numbered(12), total_steps=9, **settings)
    rows = [rows_of(batch, 12) for batch in batches]
    epochs = [sum(rows[start : start + 3], []) for start in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    in_order = image_training_batches(numbered(12), total_steps=3, shuffle=False, **settings)
    assert sum((rows_of(batch, 12) for batch in in_order), []) == list(range(12))
    (few,) = image_training_batches(numbered(3), total_steps=1, **settings)
    assert set(rows_of(few, 3)) == {0, 1, 2}


def as_bytes(batches):
    return [(batch["lr_image"].tobytes(), batch["hr_image"].tobytes()) for batch in batches]


def test_resumed_run_sees_the_same_bits():
    images = random_images(7)
    settings = {"batch_size": 3, "scale": 4, "patch": 8, "raster_offsets": (1, 2), "total_steps": 9}
    whole = as_bytes(image_training_batches(images, seed=5, **settings))
    assert len(set(whole)) == 9
    for start in (1, 2, 5, 9):
        assert as_bytes(image_training_batches(images, seed=5, start_step=start, **settings)) == whole[start:]
    assert as_bytes(image_training_batches(images, seed=6, **settings))[0] != whole[0]


def test_processes_share_the_global_batch():
    settings = {"batch_size": 6, "scale": 2, "patch": 8, "seed": 2, "total_steps": 4}
    images = random_images(8)
    whole = list(image_training_batches(images, **settings))
    parts = [list(image_training_batches(images, process_index=i, process_count=3, **settings)) for i in range(3)]
    for step, batch in enumerate(whole):
        for name in ("lr_image", "hr_image"):
            joined = np.concatenate([part[step][name] for part in parts])
            np.testing.assert_array_equal(joined, batch[name])


def test_memory_mapped_images_give_the_same_batches(tmp_path):
    images = random_images(3)
    mapped = []
    for name, image in zip(images.names, images.images, strict=True):
        np.save(tmp_path / f"{name}.npy", image)
        mapped.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    settings = {"batch_size": 3, "scale": 4, "patch": 8, "seed": 0, "total_steps": 2}
    other = HyperspectralImages(mapped, images.names, None, "mapped")
    assert as_bytes(image_training_batches(images, **settings)) == as_bytes(image_training_batches(other, **settings))


def test_batches_made_ahead_do_not_keep_python_from_ending():
    script = """
        import numpy as np
        from deeper_jax.data.hyperspectral_images import HyperspectralImages
        from deeper_jax.data.image_pipeline import image_training_batches
        images = HyperspectralImages([np.ones((64, 64, 300), np.float32)], ("one",), None, "test")
        batches = image_training_batches(images, batch_size=4, scale=4, seed=0, total_steps=10**6)
        next(batches)
    """
    finished = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], timeout=120, check=False)
    assert finished.returncode == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 7, "process_count": 2},
        {"batch_size": 4, "process_count": 2, "process_index": 2},
        {"batch_size": 4, "start_step": 3},
        {"batch_size": 4, "raster_offsets": (4,)},
        {"batch_size": 4, "raster_offsets": ()},
    ],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValueError):
        image_training_batches(random_images(4), scale=4, seed=0, total_steps=2, **settings)


def test_impossible_augmentation_and_patch():
    for settings in ({"shift": 0.5}, {"mixup": 1.5}, {"mixup_alpha": 0.0}, {"spectral_flip": -0.1}):
        with pytest.raises(ValueError):
            ImageAugmentationConfig(**settings)
    with pytest.raises(InputError, match="multiples of the scale 3"):
        image_training_batches(random_images(4), batch_size=2, scale=3, patch=64, seed=0, total_steps=2)


def test_centre_patch_is_the_middle():
    for height, width, size in ((9, 12, 4), (10, 5, 5), (7, 7, 7)):
        image = np.random.default_rng(0).random((height, width, 2))
        top, left = (height - size) // 2, (width - size) // 2
        np.testing.assert_array_equal(centre_patch(image, size), image[top : top + size, left : left + size])
    padded = np.pad(np.arange(12.0).reshape(2, 3, 2), ((1, 2), (1, 1), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(centre_patch(np.arange(12.0).reshape(2, 3, 2), 5), padded)


@pytest.mark.parametrize("patch", [None, 8])
def test_evaluation_drops_nothing_and_keeps_the_phase(patch):
    generator = np.random.default_rng(0)
    arrays = [generator.random((h, 13, 5)) for h in (9, 9, 9, 12, 7)]
    images = make_images(arrays, truths=[array + 1 for array in arrays])
    found = list(image_evaluation_batches(images, batch_size=2, scale=4, patch=patch, raster_offset=2))
    masks = [mask.tolist() for _, mask in found]
    uneven = [[True, True], [True, False], [True, False], [True, False]]
    assert masks == (uneven if patch is None else [[True, True], [True, True], [True, False]])
    kept = [{name: values[i] for name, values in batch.items()} for batch, mask in found for i in np.flatnonzero(mask)]
    assert len(kept) == 5
    for array, one in zip(arrays, kept, strict=True):
        height = array.shape[0] // 4 * 4
        part = array[:height, :12] if patch is None else centre_patch(array, 8)
        np.testing.assert_allclose(one["hr_image"], part / part.max(), rtol=1e-6)
        np.testing.assert_allclose(one["truth"], (part + 1) / part.max(), rtol=1e-6)
        np.testing.assert_allclose(one["maximum"], part.max(), rtol=1e-6)
        np.testing.assert_array_equal(one["lr_image"], one["hr_image"][2::4, 2::4])


def test_evaluation_leaves_the_images_alone_and_repeats_itself():
    images = random_images(3)
    before = [image.copy() for image in images.images]
    first, second = (
        [batch["hr_image"].tobytes() for batch, _ in image_evaluation_batches(images, batch_size=2, scale=2)]
        for _ in range(2)
    )
    assert first == second
    for image, copy in zip(images.images, before, strict=True):
        np.testing.assert_array_equal(image, copy)
    with pytest.raises(InputError, match="multiples of the scale 3"):
        next(image_evaluation_batches(images, batch_size=2, scale=3, patch=8))
