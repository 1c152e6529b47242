"""Released weights: every output of our networks against a PyTorch twin under the released names."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from paths import SHARED
from torch_twins import TorchHyRISR, TorchResUNet1D, numpy_state_dict, randomize

from deeper_jax.errors import InputError
from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.models.resunet1d import ResUNet1D
from deeper_jax.models.torch_import import (
    hyrisr_from_state_dict,
    load_torch_state_dict,
    model_from_state_dict,
    resunet1d_from_state_dict,
)

STATE_DICTS = SHARED / "reference" / "state_dicts"


def run(model: nnx.Module, x: np.ndarray) -> tuple[np.ndarray, nnx.State]:
    """The model's answer and its state afterwards (BatchNorm's statistics), compiled whole."""
    graph, state = nnx.split(model)

    def apply(state, x):
        module = nnx.merge(graph, state)
        return module(x), nnx.state(module)

    output, state = jax.jit(apply)(state, jnp.asarray(x))
    return np.asarray(output), state


def assert_close(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Within 1e-5 of the range, which must not be a constant output's."""
    assert ours.shape == theirs.shape and np.ptp(theirs) > 1e-3
    assert np.abs(ours - theirs).max() <= 1e-5 * np.ptp(theirs)


def torch_output(net: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return net(torch.from_numpy(x)).numpy()


def small_resunet(length: int, width: int, batch_norm: bool, seed: int) -> TorchResUNet1D:
    torch.manual_seed(seed)
    net = TorchResUNet1D(length, width, batch_norm)
    randomize(net, seed)
    return net


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize(
    ("length", "width", "n"),
    [(36, 5, 7), *(pytest.param(*sizes, marks=pytest.mark.slow) for sizes in [(500, 8, 3), (4, 3, 2)])],
)
def test_resunet1d_answers_as_its_twin(length: int, width: int, n: int, batch_norm: bool) -> None:
    net = small_resunet(length, width, batch_norm, seed=length + width)
    x = np.random.default_rng(width).uniform(0, 1, (n, length)).astype(np.float32)
    model = resunet1d_from_state_dict(numpy_state_dict(net))
    assert (model.length, model.width, model.batch_norm) == (length, width, batch_norm)

    assert_close(run(model, x)[0], torch_output(net.eval(), x))
    if not batch_norm:
        return
    model.train()
    output, state = run(model, x)
    assert_close(output, torch_output(net.train(), x))
    after = nnx.to_pure_dict(nnx.state(resunet1d_from_state_dict(numpy_state_dict(net))))
    for ours, theirs in zip(jax.tree.leaves(nnx.to_pure_dict(state)), jax.tree.leaves(after), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_full_size_resunet1d_round_trip_through_a_file(tmp_path: Path, batch_norm: bool) -> None:
    net = small_resunet(500, 64, batch_norm, seed=1)
    torch.save(net.state_dict(), tmp_path / "ResUNet.pt")
    model = model_from_state_dict(load_torch_state_dict(tmp_path / "ResUNet.pt"))
    assert isinstance(model, ResUNet1D) and model.length == 500 and model.width == 64
    x = np.random.default_rng(0).uniform(0, 1, (4, 500)).astype(np.float32)
    assert_close(run(model, x)[0], torch_output(net.eval(), x))


@pytest.mark.parametrize(
    ("scale", "length", "width", "groups", "blocks", "reduction", "size"),
    [(2, 12, 6, 2, 3, 2, (3, 5)), (3, 8, 10, 3, 2, 4, (4, 2)), (4, 10, 8, 1, 1, 8, (2, 3))],
)
def test_hyrisr_answers_as_its_twin(
    scale: int, length: int, width: int, groups: int, blocks: int, reduction: int, size: tuple[int, int]
) -> None:
    torch.manual_seed(scale)
    net = TorchHyRISR(scale, length, width, groups, blocks, reduction)
    x = np.random.default_rng(scale).uniform(0, 1, (2, *size, length)).astype(np.float32)
    model = model_from_state_dict(numpy_state_dict(net))
    assert isinstance(model, HyRISR) and model.scale == scale
    assert_close(run(model, x)[0], torch_output(net, x))


@pytest.mark.parametrize("scale", [2, 3, pytest.param(4, marks=pytest.mark.slow)])
def test_wider_hyrisr_answers_as_its_twin(scale: int) -> None:
    torch.manual_seed(scale)
    net = TorchHyRISR(scale, 50, 25, groups=18, blocks=6, reduction=4)
    x = np.random.default_rng(scale).uniform(0, 1, (1, 4, 4, 50)).astype(np.float32)
    assert_close(run(hyrisr_from_state_dict(numpy_state_dict(net)), x)[0], torch_output(net, x))


@pytest.mark.slow
def test_full_size_hyrisr_answers_as_its_twin() -> None:
    torch.manual_seed(0)
    net = TorchHyRISR(4)
    x = np.random.default_rng(0).uniform(0, 1, (1, 4, 4, 500)).astype(np.float32)
    expected, state_dict = torch_output(net, x), numpy_state_dict(net)
    del net
    model = hyrisr_from_state_dict(state_dict)
    del state_dict
    assert_close(run(model, x)[0], expected)


@pytest.mark.parametrize(
    ("file", "build"),
    [
        ("resunet_bn1", lambda: TorchResUNet1D()),
        ("resunet_bn0", lambda: TorchResUNet1D(batch_norm=False)),
        ("hyrisr_2x", lambda: TorchHyRISR(2)),
        ("hyrisr_3x", lambda: TorchHyRISR(3)),
        ("hyrisr_4x", lambda: TorchHyRISR(4)),
    ],
)
def test_released_names_and_shapes(file: str, build) -> None:
    """The twin's are the released ones, and our import takes them all (with no memory for either)."""
    path = STATE_DICTS / f"{file}.txt"
    if not path.exists():
        pytest.skip("the list of released names is not here")
    released = dict(line.split("\t") for line in path.read_text().splitlines() if line.strip())
    with torch.device("meta"):
        net = build()
    twin = {name: str(tuple(tensor.shape)) for name, tensor in net.state_dict().items()}
    assert twin == released
    shapes = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    lazy = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    broken = {**lazy, "intruder": np.zeros(1)}
    with pytest.raises(InputError, match=r"do not fit it: 1 unexpected names \(intruder\)\.$"):
        model_from_state_dict(broken)


def test_wrappers_prefixes_and_dtypes(tmp_path: Path) -> None:
    net = small_resunet(8, 2, True, seed=0).double()
    plain = net.state_dict()
    prefixed = {f"module.{name}": tensor for name, tensor in plain.items()}
    halved = {name: t.to(torch.bfloat16) if t.is_floating_point() else t for name, t in plain.items()}
    variants = [plain, prefixed, {"state_dict": prefixed, "epoch": 3}, {"model_state_dict": plain}]
    for i, variant in enumerate([*variants, halved]):
        torch.save(variant, tmp_path / f"{i}.pt")
        loaded = load_torch_state_dict(tmp_path / f"{i}.pt")
        assert list(loaded) == list(plain)
        for name, array in loaded.items():
            if plain[name].is_floating_point():
                assert array.dtype == np.float32
                np.testing.assert_allclose(array, plain[name].numpy(), rtol=1e-2 if variant is halved else 1e-7)
    assert resunet1d_from_state_dict(loaded).batch_norm


def test_what_does_not_fit_is_listed() -> None:
    state_dict = numpy_state_dict(small_resunet(8, 2, False, seed=0))
    del state_dict["conv4.1.body.2.bias"]
    state_dict["conv2.1.body.4.weight"] = np.zeros((4, 4, 5), np.float32)
    state_dict["extra.weight"] = np.zeros(3, np.float32)
    with pytest.raises(InputError) as caught:
        model_from_state_dict(state_dict)
    message = str(caught.value)
    assert "length 8, width 2, without BatchNorm" in message
    assert "1 missing names (conv4.1.body.2.bias)" in message
    assert "1 unexpected names (extra.weight)" in message
    assert "1 wrong shapes (conv2.1.body.4.weight (4, 4, 5) for (4, 4, 3))" in message


def test_a_mixture_of_networks_is_refused() -> None:
    with pytest.raises(InputError, match="neither released network"):
        model_from_state_dict({"layer.weight": np.zeros(3)})
    with pytest.raises(InputError, match="lack"):
        resunet1d_from_state_dict({"linear7.body.0.weight": np.zeros((4, 4))})
    state_dict = numpy_state_dict(TorchHyRISR(2, 8, 6, 2, 2, 2))
    del state_dict["body.1.body.1.body.0.bias"]
    with pytest.raises(InputError, match=r"2 groups of 2 blocks.*1 missing names \(body.1.body.1.body.0.bias"):
        hyrisr_from_state_dict(state_dict)
    with pytest.raises(InputError, match="impossible shape"):
        hyrisr_from_state_dict({**state_dict, "head2.0.weight": np.float32(1)})
    released = numpy_state_dict(TorchResUNet1D(8, 2, False))
    released = {name: np.zeros((6, 6)) if array.shape == (8, 8) else array for name, array in released.items()}
    with pytest.raises(InputError, match="multiple of 4"):
        model_from_state_dict(released)


class Trap:
    """A pickle that makes a folder as soon as it is loaded without care."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("wrap", [lambda trap: trap, lambda trap: {"a.weight": trap, "b": torch.zeros(2)}])
def test_a_pickle_that_would_run_code_is_refused_unrun(tmp_path: Path, wrap) -> None:
    sprung = tmp_path / "sprung"
    for file, save in (
        ("zip.pt", torch.save),
        ("bare.pt", lambda x, p: p.write_bytes(pickle.dumps(x, protocol=2))),
    ):
        save(wrap(Trap(sprung)), tmp_path / file)
        with pytest.raises(InputError, match=r"save `net.state_dict\(\)`"):
            load_torch_state_dict(tmp_path / file)
        assert not sprung.exists()
    pickle.loads((tmp_path / "bare.pt").read_bytes())
    assert sprung.exists(), "the trap itself must work, or this test proves nothing"


def test_a_whole_pickled_network_is_refused(tmp_path: Path) -> None:
    torch.save(small_resunet(8, 2, False, seed=0), tmp_path / "net.pt")
    with pytest.raises(InputError, match="whole pickled network"):
        load_torch_state_dict(tmp_path / "net.pt")


def test_an_array_with_one_bit_flipped_is_refused(tmp_path: Path) -> None:
    """PyTorch reads it without a word."""
    torch.save(TorchResUNet1D(8, 2).state_dict(), tmp_path / "net.pt")
    content = bytearray((tmp_path / "net.pt").read_bytes())
    place = content.index(load_torch_state_dict(tmp_path / "net.pt")["conv1.0.body.0.weight"].tobytes())
    content[place] ^= 1
    (tmp_path / "net.pt").write_bytes(content)
    torch.load(tmp_path / "net.pt", weights_only=True)
    with pytest.raises(InputError, match="net.pt cannot be read"):
        load_torch_state_dict(tmp_path / "net.pt")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weights file"):
        load_torch_state_dict(tmp_path / "absent.pt")
    (tmp_path / "text.pt").write_text("not weights at all")
    (tmp_path / "empty.pt").write_bytes(b"")
    torch.save(TorchResUNet1D(8, 2).state_dict(), tmp_path / "whole.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:-3000])
    for file in ("text.pt", "empty.pt", "cut.pt"):
        with pytest.raises(InputError, match=file):
            load_torch_state_dict(tmp_path / file)
    for i, (content, words) in enumerate(
        [
            (torch.zeros(3), "type Tensor"),
            ({}, "an empty dict"),
            ({"a": 3}, "type int under 'a'"),
            ({"a": torch.zeros(2, dtype=torch.complex64)}, "complex"),
            ({"a": torch.zeros(2, 2).to_sparse()}, "sparse"),
        ]
    ):
        torch.save(content, tmp_path / f"{i}.pt")
        with pytest.raises(InputError, match=words):
            load_torch_state_dict(tmp_path / f"{i}.pt")


def test_without_torch_the_message_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    torch.save(TorchResUNet1D(8, 2).state_dict(), tmp_path / "w.pt")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"pip install 'deeper-jax\[torch\]'"):
        load_torch_state_dict(tmp_path / "w.pt")


def test_importing_the_module_does_not_import_torch() -> None:
    code = "import sys, deeper_jax.models.torch_import; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
