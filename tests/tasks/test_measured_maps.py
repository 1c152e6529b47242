"""Instruments' maps from the command line to a model: trained on, recorded, resumed and evaluated."""

import contextlib
import io
import json
import shutil

import numpy as np
import pytest
from paths import SHARED

import deeper_jax
from deeper_jax.cli.main import main
from deeper_jax.maps import read_map, write_map
from deeper_jax.training.stored_checkpoints import read_weights

SHORT = ("train.steps=4", "train.evaluate_every=4", "train.checkpoint_every=4", "train.batch_size=8")


def command(*arguments: str) -> str:
    """What `deeper-jax` prints; of a mistake its sentence, which is the only line."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            main(list(arguments))
        except SystemExit as exit:
            # TensorFlow Datasets writes its progress before.
            assert exit.code == 2 and "Traceback" not in errors.getvalue(), errors.getvalue()
            return errors.getvalue().splitlines()[-1]
    return output.getvalue()


def train(config: str, folder, workdir, *settings: str) -> str:
    chosen = (*SHORT, f"data.path={folder}", f"data.tfds_dir={folder.parent / 'copy'}", *settings)
    return command("train", f"--config={config}", f"--workdir={workdir}", *(f"--config.{s}" for s in chosen))


def record_of(workdir) -> dict:
    return read_weights(workdir).record


def noisier(source, path, spike_at: int | None = None):
    """The map of a file with the noise of a fast scan and, in one spectrum, a cosmic ray."""
    values = read_map(source)
    values = values + np.random.default_rng(1).normal(0, 30, values.shape)
    if spike_at is not None:
        values[1, 1, spike_at] += 1e5
    path.parent.mkdir(exist_ok=True)
    write_map(values, path)


@pytest.fixture(scope="module")
def lines():
    """Two maps of one Renishaw instrument and one axis."""
    paths = [SHARED / "data" / "maps" / f"lukas_{name}.wdf" for name in ("map1_Hery", "map3_Hery")]
    if not paths[0].is_file():
        pytest.skip("the instruments' maps are not here")
    return paths


@pytest.fixture(scope="module")
def pairs(lines, tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured") / "pairs"
    (folder / "target").mkdir(parents=True)
    for number, path in enumerate(lines):
        shutil.copy(path, folder / "target" / f"cell_{number}.wdf")
        noisier(path, folder / "noisy" / f"cell_{number}.h5", spike_at=500)
    return folder


@pytest.fixture(scope="module")
def denoiser(pairs):
    workdir = pairs.parent / "run"
    return workdir, trained_again(pairs, (workdir,))


def trained_again(pairs, denoiser):
    steps = "data.steps=({'name': 'crop', 'low': 800.0, 'high': 1400.0}, {'name': 'remove_cosmic_rays'})"
    axis = read_map(pairs / "target" / "cell_1.wdf").wavenumber.values
    length = int(((axis >= 800) & (axis <= 1400)).sum()) // 4 * 4  # three channels less than 539
    return train("tiny", pairs, denoiser[0], steps, f"model.length={length}")


def test_pairs_of_instruments_files_train_a_denoiser_that_denoises(pairs, denoiser):
    workdir, output = denoiser
    model = deeper_jax.load(workdir)
    noisy = read_map(pairs / "noisy" / "cell_1.h5")
    clean = model.denoise(noisy.values, noisy.wavenumber.values, outside="keep")
    assert clean.shape == noisy.shape and np.isfinite(clean).all()
    assert "measured data" in repr(model) and model.wavenumbers.min() >= 800
    record = record_of(workdir)
    assert not record["data"]["simulated"] and record["data"]["source"] == str(pairs)
    assert record["data"]["files"] == [
        f"{folder}/cell_{n}.{kind}" for folder, kind in (("noisy", "h5"), ("target", "wdf")) for n in (0, 1)
    ]
    assert [step["name"] for step in record["preprocessing"]] == ["crop", "remove_cosmic_rays", "crop"]
    assert len(record["wavenumbers"]) == model.length == 536


def test_what_preprocessing_removed_is_logged_and_recorded(pairs, denoiser):
    workdir, output = denoiser
    place = f"{read_map(pairs / 'target' / 'cell_0.wdf').wavenumber.values[500]:.0f} (1)"
    (noisy,) = [note for note in record_of(workdir)["data"]["removed_features"] if note.startswith("noisy")]
    assert "remove_cosmic_rays changed" in noisy and place in noisy
    assert "remove_cosmic_rays changed" in output and place in output


def test_the_record_says_what_ran_where(denoiser):
    record = record_of(denoiser[0])
    assert {"deeper_jax", "python", "jax", "flax", "optax", "orbax-checkpoint", "numpy"} <= set(record["versions"])
    assert len(record["git"]["commit"]) == 40 and record["git"]["dirty"] in (True, False)
    assert record["devices"]["count"] == 8 and record["devices"]["kind"]
    assert record["command"]


def test_a_run_is_not_resumed_on_other_data_under_the_same_path(pairs, denoiser):
    target = pairs / "target" / "cell_0.wdf"
    kept = target.read_bytes()
    shutil.copy(pairs / "target" / "cell_1.wdf", target)
    try:
        sentence = trained_again(pairs, denoiser)
    finally:
        target.write_bytes(kept)
    assert "was trained on other data than" in sentence and "(changed: cell_0); put the earlier data back" in sentence
    # The run itself is untouched, and the same data resume it, whatever the times of their files.
    assert "4 steps" in trained_again(pairs, denoiser)


def renamed(pairs, folder):
    for place in ("noisy", "target"):
        (folder / place).mkdir(parents=True)
        (file,) = (pairs / place).glob("cell_1.*")
        shutil.copy(file, folder / place / f"other{file.suffix}")
    return folder


def test_cells_that_were_trained_on_are_not_evaluated_on_unless_asked_for(pairs, denoiser, tmp_path):
    data = renamed(pairs, tmp_path / "renamed")
    arguments = ["evaluate", f"--workdir={denoiser[0]}", f"--data={data}", f"--output={tmp_path / 'out'}"]
    sentence = command(*arguments)
    assert "trained or validated on 1 of its 1 cells, other (there cell_1)" in sentence
    assert "--include-trained" in sentence and not (tmp_path / "out").exists()
    command(*arguments, "--include-trained")
    context = json.loads((tmp_path / "out" / "metrics.json").read_text())["context"]
    assert [step["name"] for step in context["preprocessing_of_the_data"]] == ["crop", "remove_cosmic_rays", "crop"]


@pytest.fixture(scope="module")
def super_resolver(lines, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images") / "maps"
    folder.mkdir()
    for path in (*lines, lines[0].with_name("lukas_map1_Lukas.wdf")):
        shutil.copy(path, folder)
    small = ("model.length=25", "model.width=4", "model.groups=1", "model.blocks=1", "model.reduction=2")
    workdir = folder.parent / "run"
    train("super_resolution_small:scale=2", folder, workdir, *small, "data.patch=16", "data.simulate={}")
    return folder, workdir


def test_a_folder_of_instruments_maps_trains_a_super_resolver(super_resolver):
    folder, workdir = super_resolver
    model, source = deeper_jax.load(workdir), read_map(folder / "lukas_map1_Hery.wdf")
    image = model.super_resolve(source.values, source.wavenumber.values)
    assert image.shape[:2] == (30, 30) and np.isfinite(image).all()
    data = record_of(workdir)["data"]
    assert set(data["trained_on"]) == {*data["train_images"], *data["validation_images"]}
    assert data["files"] == ["Image_IDs.csv", *sorted(path.name for path in folder.glob("*.wdf"))]


def test_images_that_were_trained_on_are_not_evaluated_on(super_resolver, tmp_path):
    folder, workdir = super_resolver
    name = record_of(workdir)["data"]["train_images"][0]
    shutil.copy(folder / f"{name}.wdf", tmp_path / "other.wdf")
    sentence = command(
        "evaluate", f"--workdir={workdir}", f"--data={tmp_path / 'other.wdf'}", f"--output={tmp_path / 'out'}"
    )
    assert f"trained or validated on 1 of its 1 images, other (there {name})" in sentence


def test_images_without_wavenumbers_are_evaluated_on(super_resolver, tmp_path):
    np.save(tmp_path / "image.npy", np.random.default_rng(0).random((16, 16, 25)))
    out = tmp_path / "out"
    command("evaluate", f"--workdir={super_resolver[1]}", f"--data={tmp_path / 'image.npy'}", f"--output={out}")
    assert (out / "index.html").stat().st_size > 1000
