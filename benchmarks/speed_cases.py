"""What `benchmarks.speed` times: our networks and their PyTorch twins as functions without arguments."""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from flax import nnx
from jax.sharding import Mesh

from deeper_jax.inference.denoiser import Denoiser
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.models.resunet1d import ResUNet1D
from deeper_jax.training.sharding import data_mesh, replicate, shard_batch, state_shardings
from deeper_jax.training.step import TrainState, create_state, make_train_step
from tests.torch_twins import TorchHyRISR, TorchResUNet1D

RATE = 1e-5


class Case(NamedTuple):
    """One network at one size: shapes of a batch, and how both sides build it."""

    name: str
    input_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    ours: Callable[..., nnx.Module]
    theirs: Callable[[], torch.nn.Module]


class Timed(NamedTuple):
    """One side: a step, and what compiling it took and takes in memory (None where unknown)."""

    step: Callable[[], Any]
    compile_seconds: float | None
    bytes: int | None


def cases(quick: bool, on_gpu: bool) -> list[Case]:
    """The denoiser as published, and a super-resolution network of the published width."""
    batch, side, images = (32, 4, 1) if quick else (256, 16, 2)
    groups, blocks = (1, 1) if quick else (18, 6) if on_gpu else (2, 2)
    size = {"groups": groups, "blocks": blocks}
    spectra = ((batch, 500), (batch, 500))
    return [
        Case(
            f"ResUNet1D, width 64, BatchNorm, length 500, batch {batch}",
            *spectra,
            functools.partial(ResUNet1D, 500, 64),
            TorchResUNet1D,
        ),
        Case(
            f"ResUNet1D, width 64, without BatchNorm, length 500, batch {batch}",
            *spectra,
            functools.partial(ResUNet1D, 500, 64, batch_norm=False),
            functools.partial(TorchResUNet1D, batch_norm=False),
        ),
        Case(
            f"HyRISR 4x, {groups} x {blocks} blocks, width 250, {4 * side} x {4 * side} x 500, batch {images}",
            (images, side, side, 500),
            (images, 4 * side, 4 * side, 500),
            functools.partial(HyRISR, 4, **size),
            functools.partial(TorchHyRISR, 4, **size),
        ),
    ]


def batch_of(case: Case) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "input": rng.uniform(size=case.input_shape).astype(np.float32),
        "target": rng.uniform(size=case.target_shape).astype(np.float32),
    }


def _compiled(function: Any, *arguments: Any) -> tuple[Any, float, int | None]:
    start = time.perf_counter()
    compiled = function.lower(*arguments).compile()
    seconds = time.perf_counter() - start
    memory = compiled.memory_analysis()
    if memory is None:
        return compiled, seconds, None
    held = memory.temp_size_in_bytes + memory.argument_size_in_bytes + memory.output_size_in_bytes
    return compiled, seconds, held - memory.alias_size_in_bytes


def our_inference(case: Case, dtype: Any) -> Timed:
    """As `Denoiser` and `SuperResolver` evaluate: on the CPU arrays in and out, on a GPU from and to its memory."""
    module = case.ours(dtype=dtype, rngs=nnx.Rngs(0))
    model, x = FunctionalModel(module), batch_of(case)["input"]
    compiled, seconds, held = _compiled(jax.jit(model.evaluate), model.params, model.stats, jnp.asarray(x))
    if len(case.input_shape) == 2 and jax.default_backend() == "cpu":
        denoiser, start = Denoiser(module, {}), time.perf_counter()
        denoiser.network(x)
        return Timed(lambda: denoiser.network(x), time.perf_counter() - start, held)
    on_device = jnp.asarray(x)
    return Timed(lambda: jax.block_until_ready(compiled(model.params, model.stats, on_device)), seconds, held)


def training_step(case: Case, dtype: Any) -> tuple[Any, TrainState, Mesh]:
    """`make_train_step` with Adam and the L1 loss as train.py makes it, the first state, and where it lies."""
    model, optimizer = FunctionalModel(case.ours(dtype=dtype, rngs=nnx.Rngs(0))), optax.adam(RATE)
    mesh = data_mesh(jax.devices()[:1])
    # A copy: the step takes the state's buffers.
    state = replicate(jax.tree.map(jnp.copy, create_state(model, optimizer)), mesh)
    step = make_train_step(model, optimizer, shardings=state_shardings(state, mesh))
    return step, state, mesh


def our_training(case: Case, dtype: Any) -> Timed:
    """`training_step` on one batch."""
    step, state, mesh = training_step(case, dtype)
    batch = shard_batch(batch_of(case), mesh)
    compiled, seconds, held = _compiled(step, state, batch)
    kept = [state]

    def run() -> None:
        kept[0], metrics = compiled(kept[0], batch)
        jax.block_until_ready((kept[0].params, metrics))

    return Timed(run, seconds, held)


class TorchSide:
    """The twin on one device, eager or compiled, in float32 (TF32 where there is such) or bfloat16 autocast."""

    def __init__(self, case: Case, device: str, *, half: bool, compiled: bool) -> None:
        torch.manual_seed(0)
        self.net = case.theirs().to(device)
        if device == "cuda" and len(case.input_shape) == 4:
            self.net = self.net.to(memory_format=torch.channels_last)
        self.device, self.half = device, half
        self.run = torch.compile(self.net) if compiled else self.net
        self.batch = {name: torch.from_numpy(values).to(device) for name, values in batch_of(case).items()}
        self.optimizer = torch.optim.Adam(self.net.parameters(), RATE)

    def _forward(self) -> torch.Tensor:
        with torch.autocast(self.device, torch.bfloat16, enabled=self.half):
            return self.run(self.batch["input"])

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def infer(self) -> None:
        self.net.eval()
        with torch.inference_mode():
            self._forward()
        self._wait()

    def train(self) -> None:
        self.net.train()
        self.optimizer.zero_grad(set_to_none=True)
        (self._forward().float() - self.batch["target"]).abs().mean().backward()
        self.optimizer.step()
        self._wait()

    def timed(self, kind: str) -> Timed:
        """`kind` is 'inference' or 'training'; the first step, which compiles, is run here and timed."""
        step = self.infer if kind == "inference" else self.train
        start = time.perf_counter()
        step()
        return Timed(step, time.perf_counter() - start if self.run is not self.net else None, None)
