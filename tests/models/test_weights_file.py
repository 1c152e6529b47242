"""One file of weights: what `deeper-jax pack` writes, `deeper_jax.load` reads."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny_models import CONFIG, spectra_of_bands, tiny_denoiser

import deeper_jax
from deeper_jax.cli.main import main
from deeper_jax.errors import InputError
from deeper_jax.maps import raman_map
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.registry import build_from_config
from deeper_jax.models.weights_file import read_weights_file, write_weights_file
from deeper_jax.training.checkpoints import CheckpointWriter
from deeper_jax.training.step import create_state
from deeper_jax.training.stored_checkpoints import read_weights


def test_a_model_comes_back_with_the_same_answers_and_record(tmp_path):
    model = tiny_denoiser()
    write_weights_file(tmp_path / "new" / "model.npz", model.params, model.stats, model.record)
    again = deeper_jax.load(tmp_path / "new" / "model.npz")
    values, _ = spectra_of_bands(5)
    for one, other in zip(model.network(values, 2.0), again.network(values, 2.0), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.record == model.record | {"source": "model.npz"} and again.config == CONFIG


def test_nothing_is_overwritten_and_the_name_is_checked(tmp_path):
    model, path = tiny_denoiser(), tmp_path / "model.npz"
    path.write_bytes(b"precious")
    with pytest.raises(InputError, match="model.npz: exists already"):
        write_weights_file(path, model.params, model.stats, model.record)
    assert path.read_bytes() == b"precious"
    with pytest.raises(InputError, match="ends in .npz"):
        write_weights_file(tmp_path / "model.h5", model.params, model.stats, model.record)


@pytest.fixture
def packed(tmp_path):
    model = tiny_denoiser()
    write_weights_file(tmp_path / "model.npz", model.params, model.stats, model.record)
    return tmp_path / "model.npz"


def test_half_as_large_it_is_nearly_the_same_and_a_training_may_begin_from_it(tmp_path, packed):
    model = tiny_denoiser()
    write_weights_file(tmp_path / "half.npz", model.params, model.stats, model.record, half=True)
    assert (tmp_path / "half.npz").stat().st_size < 0.75 * packed.stat().st_size
    for path, tolerance in ((packed, 0.0), (tmp_path / "half.npz", 2.0**-11)):
        stored = read_weights(path)
        assert stored.record == model.record
        for one, other in zip(jax.tree.leaves(stored.params), jax.tree.leaves(model.params), strict=True):
            assert one.dtype == np.float32
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=1e-7 * (tolerance > 0))


def changed(path, **arrays):
    with np.load(path) as stored:
        contents = {name: stored[name] for name in stored.files} | arrays
    np.savez(path, **{name: value for name, value in contents.items() if value is not None})


def test_files_that_are_something_else_are_one_sentence(tmp_path, packed):
    whole = packed.read_bytes()
    for content, sentence in [(b"", "not a file of weights"), (whole[: len(whole) // 2], "not a file of weights")]:
        packed.write_bytes(content)
        with pytest.raises(InputError, match=sentence):
            deeper_jax.load(packed)
    np.savez(packed, low=np.ones(3))
    with pytest.raises(InputError, match="not a file of weights"):
        read_weights_file(packed)
    np.savez(packed, low=np.ones(3), record=json.dumps({"config": CONFIG}))
    with pytest.raises(InputError, match="holds 'low'"):
        read_weights_file(packed)
    np.savez(packed, record=np.array({"config": 1}, object))
    with pytest.raises(InputError, match="not a file of weights"):
        read_weights_file(packed)


def test_weights_that_do_not_fit_their_record_are_refused(packed):
    changed(packed, **{"params/head/bias": np.zeros(3, np.float32)})
    with pytest.raises(InputError, match="do not fit.*params/head/bias"):
        deeper_jax.load(packed)
    changed(packed, **{"params/head/bias": None})
    with pytest.raises(InputError, match="do not fit.*params/head/bias"):
        deeper_jax.load(packed)
    changed(packed, record=json.dumps({}))
    with pytest.raises(InputError, match="no config"):
        deeper_jax.load(packed)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ([1, 2], "found a list in its record"),
        (3, "found a int in its record"),
        ({"config": "tiny"}, "found the config 'tiny' in its record"),
        ({"config": CONFIG, "wavenumbers": "600 to 1800"}, "found the wavenumbers 600 to 1800 in its record"),
        ({"config": {"task": "denoising"}}, "config.model.name is None"),
        ({"config": {**CONFIG, "model": 3}}, "config.model.name is None"),
        ({"config": {key: value for key, value in CONFIG.items() if key != "seed"}}, "does not say how to build"),
        ({"config": {**CONFIG, "model": {**CONFIG["model"], "width": "four"}}}, "does not say how to build"),
        ({"config": {"task": ["denoising"]}}, "config.task is"),
    ],
)
def test_an_odd_record_is_one_sentence(packed, record, sentence):
    changed(packed, record=json.dumps(record))
    with pytest.raises(InputError, match=f"{packed.name}: .*{sentence}"):
        deeper_jax.load(packed)


def test_weights_that_are_no_numbers_are_refused_at_once(packed, tmp_path):
    kernel = np.array(tiny_denoiser().params["head"]["kernel"])
    kernel.flat[3] = np.nan
    changed(packed, **{"params/head/kernel": kernel})
    with pytest.raises(InputError, match=r"model.npz: found NaN or infinite weights \(params/head/kernel\)"):
        deeper_jax.load(packed)
    state = create_state(FunctionalModel(build_from_config(CONFIG)), optax.adam(1e-3))
    state.params["head"]["kernel"] = jnp.asarray(kernel)
    writer = CheckpointWriter(tmp_path / "run")
    writer.save(state, {"config": CONFIG, "wavenumbers": None, "step": 1}, is_best=True)
    writer.close()
    with pytest.raises(InputError, match=r"run/.*: found NaN or infinite weights \(params.head.kernel\)"):
        deeper_jax.load(tmp_path / "run")
    torch = pytest.importorskip("torch")
    torch.save({"linear7.body.0.weight": torch.full((4, 4), torch.inf)}, tmp_path / "released.pt")
    with pytest.raises(InputError, match=r"released.pt: found NaN or infinite weights \(linear7.body.0.weight\)"):
        deeper_jax.load(tmp_path / "released.pt")


def overflowing(path, module, record):
    """A file of finite weights whose answers are not."""
    model = FunctionalModel(module)
    params = jax.tree.map(lambda leaf: np.full(leaf.shape, 3e38, np.float32), model.params)
    write_weights_file(path, params, model.stats, record)
    return path


def test_no_answer_that_is_no_number_leaves_a_model(tmp_path, capsys):
    values, axis = spectra_of_bands(4, 4)
    denoiser = overflowing(tmp_path / "denoiser.npz", build_from_config(CONFIG), {"config": CONFIG})
    config = {"task": "super_resolution", "seed": 0, "model": {"name": "hyrisr", "scale": 2, "length": 64, "width": 4}}
    config["model"] |= {"groups": 1, "blocks": 1, "reduction": 2}
    record = {"config": config, "wavenumbers": axis.tolist()}
    resolver = overflowing(tmp_path / "resolver.npz", build_from_config(config), record)
    model, finer = deeper_jax.load(denoiser), deeper_jax.load(resolver)
    given = raman_map(values, axis)
    for call, path in [
        (lambda: model.denoise(values, axis), denoiser),
        (lambda: model.denoise_with_uncertainty(values, axis), denoiser),
        (lambda: model.stream(axis).denoise(values[0]), denoiser),
        (lambda: finer.super_resolve(values, axis), resolver),
        (lambda: deeper_jax.enhance(given, denoiser), denoiser),
        (lambda: deeper_jax.enhance(given, tiny_denoiser(), super_resolver=resolver), resolver),
    ]:
        with pytest.raises(InputError, match="found NaN or infinite values in the network's answer") as caught:
            call()
        assert str(path) in str(caught.value)
    np.savez(tmp_path / "map.npz", intensity=values, wavenumbers=axis)
    with pytest.raises(SystemExit):
        main(["enhance", str(tmp_path / "map.npz"), f"--model={denoiser}"])
    assert f"{denoiser}: found NaN or infinite values" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"denoiser.npz", "resolver.npz", "map.npz"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run's directory whose best weights are older and other than its latest."""
    folder = tmp_path_factory.mktemp("run")
    writer = CheckpointWriter(folder)
    state = create_state(FunctionalModel(build_from_config(CONFIG)), optax.adam(1e-3))
    record = {"config": CONFIG, "wavenumbers": None}
    params = jax.tree.map(lambda leaf: leaf + 0.01, state.params)
    writer.save(state._replace(params=params, step=state.step + 5), record | {"step": 5}, is_best=True)
    writer.save(state._replace(step=state.step + 9), record | {"step": 9}, is_best=False)
    writer.close()
    return folder


def test_pack_writes_the_best_weights_and_no_path_of_this_machine(run, tmp_path, capsys):
    main(["pack", str(run), str(tmp_path / "packed.npz")])
    assert "step 5" in capsys.readouterr().out
    values, _ = spectra_of_bands(3)
    packed, best = deeper_jax.load(tmp_path / "packed.npz"), deeper_jax.load(run)
    assert best.record["step"] == packed.record["step"] == 5
    np.testing.assert_array_equal(packed.network(values, 2.0)[0], best.network(values, 2.0)[0])
    assert str(run) not in json.dumps(read_weights_file(tmp_path / "packed.npz")[2])


def test_pack_says_in_a_sentence_why_it_does_nothing(run, tmp_path, capsys):
    def refused(*arguments):
        with pytest.raises(SystemExit) as caught:
            main(["pack", *map(str, arguments)])
        assert caught.value.code == 2
        return capsys.readouterr().err

    assert "no_run: does not exist" in refused(tmp_path / "no_run", tmp_path / "new.npz")
    (tmp_path / "there.npz").write_bytes(b"precious")
    assert "exists already" in refused(run, tmp_path / "there.npz")
    assert "ends in .npz" in refused(run, tmp_path / "new.pt")
    assert (tmp_path / "there.npz").read_bytes() == b"precious" and not (tmp_path / "new.npz").exists()
