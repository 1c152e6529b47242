"""Schedules and optimizers against PyTorch's own, step by step."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

from deeper_jax.errors import InputError
from deeper_jax.training.optimizers import make_optimizer
from deeper_jax.training.schedules import (
    SCHEDULES,
    constant,
    cyclic,
    make_schedule,
    multiplicative,
    one_cycle,
    step_decay,
    warmup_cosine,
)


def torch_rates(build, steps: int, *, every: int = 1, learning_rate: float = 5e-4) -> np.ndarray:
    """The learning rate that PyTorch uses at each step, its scheduler being stepped every so many steps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=learning_rate)
    scheduler = build(optimizer)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in range(steps):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            if (step + 1) % every == 0 and step + 1 < steps:
                scheduler.step()
    return np.array(rates)


def torch_one_cycle(maximum: float, total: int):
    return lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=maximum, total_steps=total, cycle_momentum=False
    )


def evaluate(schedule, steps: np.ndarray) -> np.ndarray:
    """Each step alone, under jit, as a training loop asks for it."""
    return np.asarray(jax.jit(lambda all_steps: jax.lax.map(schedule, all_steps))(jnp.asarray(steps)))


@pytest.mark.parametrize(
    ("maximum", "epochs", "steps_per_epoch"), [(5e-4, 3, 37), (1e-3, 7, 11), (2.0, 1, 4), (5e-4, 20, 624)]
)
def test_one_cycle_is_torchs_at_every_step(maximum: float, epochs: int, steps_per_epoch: int) -> None:
    total = epochs * steps_per_epoch
    ours = evaluate(one_cycle(maximum, total), np.arange(total))
    np.testing.assert_allclose(ours, torch_rates(torch_one_cycle(maximum, total), total), rtol=1e-6)


def test_one_cycle_of_the_published_run_is_torchs() -> None:
    """500 epochs of 624 steps, spot checks: PyTorch's formula at chosen steps, both ends and the peak."""
    total = 500 * 624
    steps = [*range(5), 1234, 93_598, 93_599, 93_600, 93_601, 200_000, *range(total - 5, total)]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch_one_cycle(5e-4, total)(optimizer)
    reference = []
    for step in steps:
        scheduler.last_epoch = step
        reference.append(float(scheduler.get_lr()[0]))
    np.testing.assert_allclose(evaluate(one_cycle(5e-4, total), np.array(steps)), reference, rtol=1e-6)
    assert max(reference) == pytest.approx(5e-4) and reference[-1] == pytest.approx(5e-4 / 25 / 1e4)


def test_one_cycle_options_and_short_runs() -> None:
    def build(optimizer):
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 0.1, 50, pct_start=0.15, div_factor=10, final_div_factor=50, cycle_momentum=False
        )

    ours = one_cycle(0.1, 50, warmup_fraction=0.15, initial_divisor=10, final_divisor=50)
    np.testing.assert_allclose(evaluate(ours, np.arange(50)), torch_rates(build, 50), rtol=1e-6)
    for total in (1, 2, 3, 5):
        expected = torch_rates(torch_one_cycle(0.1, total), total)
        np.testing.assert_allclose(evaluate(one_cycle(0.1, total), np.arange(total)), expected, rtol=1e-6)


def test_one_cycle_stays_at_its_end() -> None:
    schedule = one_cycle(1e-3, 20)
    assert float(schedule(19)) == float(schedule(20)) == float(schedule(10_000)) == np.float32(1e-3 / 25e4)


def test_step_decay_is_torchs() -> None:
    ours = evaluate(step_decay(5e-4, 3), np.arange(3 * 520))
    reference = torch_rates(lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 50, 0.2), 3 * 520, every=3)
    np.testing.assert_allclose(ours, reference, rtol=1e-6)


def test_multiplicative_is_torchs() -> None:
    def build(optimizer):
        return torch.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.985)

    ours = evaluate(multiplicative(5e-4, 4), np.arange(4 * 600))
    np.testing.assert_allclose(ours, torch_rates(build, 4 * 600, every=4), rtol=1e-6)


@pytest.mark.parametrize(("rising_steps", "steps"), [(2000, 13_000), (7, 200)])
def test_cyclic_is_torchs(rising_steps: int, steps: int) -> None:
    def build(optimizer):
        return torch.optim.lr_scheduler.CyclicLR(
            optimizer, 5e-6, 5e-4, step_size_up=rising_steps, mode="triangular2", cycle_momentum=False
        )

    ours = evaluate(cyclic(5e-4, 5e-6, rising_steps=rising_steps), np.arange(steps))
    np.testing.assert_allclose(ours, torch_rates(build, steps), rtol=1e-6)


def test_warmup_cosine_rises_linearly_and_falls_to_its_end() -> None:
    rates = evaluate(warmup_cosine(1e-3, 100, warmup_fraction=0.1, final_divisor=20), np.arange(101))
    np.testing.assert_allclose(rates[:10], 1e-3 * np.arange(1, 11) / 10, rtol=1e-6)
    falling = 5e-5 + 9.5e-4 * (1 + np.cos(np.pi * np.arange(1, 91) / 90)) / 2
    np.testing.assert_allclose(rates[10:100], falling, rtol=1e-5)
    assert rates[99] == rates[100] == np.float32(5e-5)


def test_make_schedule_builds_each_by_name() -> None:
    run = {"total_steps": 60, "steps_per_epoch": 10}
    steps = np.arange(60)
    for name in SCHEDULES:
        options = {"base_learning_rate": 1e-5, "rising_steps": 8} if name == "cyclic" else {}
        rates = evaluate(make_schedule(name, 1e-3, **run, **options), steps)
        assert rates.dtype == np.float32 and rates.shape == (60,)
        assert rates.max() == pytest.approx(1e-3, rel=5e-3) and (rates > 0).all()
    built = make_schedule("step_decay", 1e-3, **run, epochs_per_drop=2, factor=0.5)
    np.testing.assert_array_equal(
        evaluate(built, steps), evaluate(step_decay(1e-3, 10, epochs_per_drop=2, factor=0.5), steps)
    )


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("onecycle", {}, "one_cycle"),
        ("one_cycle", {"pct_start": 0.2}, "warmup_fraction"),
        ("one_cycle", {"warmup_fraction": 1.5}, "between 0 and 1"),
        ("one_cycle", {"final_divisor": "big"}, "final_divisor"),
        ("constant", {"factor": 0.5}, "it takes none"),
        ("cyclic", {}, "base_learning_rate"),
        ("step_decay", {"epochs_per_drop": 2.5}, "whole number"),
        ("multiplicative", {"factor": float("nan")}, "factor"),
        ("step_decay", {"epochs_per_drop": True}, "whole number"),
    ],
)
def test_make_schedule_refuses(name: str, options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_schedule(name, 1e-3, total_steps=100, steps_per_epoch=10, **options)


def test_make_schedule_refuses_an_empty_run() -> None:
    with pytest.raises(InputError, match="total_steps"):
        make_schedule("one_cycle", 1e-3, total_steps=0, steps_per_epoch=10)
    with pytest.raises(InputError, match="learning_rate"):
        make_schedule("constant", -1e-3, total_steps=10, steps_per_epoch=10)


# --- optimizers ---

TORCH_OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
STEPS = 20
RUN_SCHEDULES = {
    "constant": (constant(0.02), None),
    "one_cycle": (one_cycle(0.02, STEPS), torch_one_cycle(0.02, STEPS)),
    "cyclic": (
        cyclic(0.02, 0.001, rising_steps=4),
        lambda optimizer: torch.optim.lr_scheduler.CyclicLR(
            optimizer, 0.001, 0.02, step_size_up=4, mode="triangular2", cycle_momentum=False
        ),
    ),
}


def problem() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, targets and starting weights of a small smooth regression."""
    rng = np.random.default_rng(3)
    inputs, weights = rng.normal(size=(32, 6)), rng.uniform(0.5, 2.0, size=(6, 4))
    return inputs.astype(np.float32), np.tanh(inputs @ weights).astype(np.float32), weights.astype(np.float32)


def run_torch(name: str, build, clip: float | None = None, **options) -> np.ndarray:
    inputs, targets, start = (torch.from_numpy(array) for array in problem())
    weights = torch.nn.Parameter(start.clone())
    optimizer = TORCH_OPTIMIZERS[name]([weights], lr=0.02, **options)
    scheduler = build(optimizer) if build else None
    for step in range(STEPS):
        optimizer.zero_grad()
        ((inputs @ weights - targets) ** 2).mean().backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_([weights], clip)
        optimizer.step()
        if scheduler and step + 1 < STEPS:
            scheduler.step()
    return weights.detach().numpy()


def run_ours(transformation: optax.GradientTransformation) -> np.ndarray:
    inputs, targets, weights = (jnp.asarray(array) for array in problem())
    state = transformation.init(weights)

    @jax.jit
    def step(weights, state):
        gradient = jax.grad(lambda w: jnp.mean((inputs @ w - targets) ** 2))(weights)
        updates, state = transformation.update(gradient, state, weights)
        return optax.apply_updates(weights, updates), state

    for _ in range(STEPS):
        weights, state = step(weights, state)
    return np.asarray(weights)


@pytest.mark.parametrize("schedule", RUN_SCHEDULES)
@pytest.mark.parametrize("name", TORCH_OPTIMIZERS)
def test_twenty_steps_are_torchs(name: str, schedule: str) -> None:
    ours, build = RUN_SCHEDULES[schedule]
    trained = run_ours(make_optimizer(name, ours))
    np.testing.assert_allclose(trained, run_torch(name, build), rtol=1e-5)
    assert np.abs(trained - problem()[2]).max() > 0.005


@pytest.mark.parametrize(
    ("name", "options"),
    [("adam", {"weight_decay": 0.3}), ("adamw", {"weight_decay": 0.3}), ("sgd", {"weight_decay": 0.3})],
)
def test_weight_decay_is_torchs(name: str, options: dict) -> None:
    ours, plain = (run_ours(make_optimizer(name, 0.02, **o)) for o in (options, {"weight_decay": 0.0}))
    np.testing.assert_allclose(ours, run_torch(name, None, **options), rtol=1e-5)
    assert np.abs(ours - plain).max() > 1e-3


def test_momentum_betas_and_clipping_are_torchs() -> None:
    np.testing.assert_allclose(
        run_ours(make_optimizer("sgd", 0.02, momentum=0.9)), run_torch("sgd", None, momentum=0.9), rtol=1e-5
    )
    np.testing.assert_allclose(
        run_ours(make_optimizer("adam", 0.02, betas=(0.5, 0.9), epsilon=1e-3)),
        run_torch("adam", None, betas=(0.5, 0.9), eps=1e-3),
        rtol=1e-5,
    )
    clipped = run_ours(make_optimizer("sgd", 0.02, gradient_clip=0.05))
    np.testing.assert_allclose(clipped, run_torch("sgd", None, clip=0.05), rtol=1e-5)
    assert np.linalg.norm(clipped - problem()[2]) <= STEPS * 0.02 * 0.05 * 1.001


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("lamb", {}, "adam, adamw, sgd"),
        ("adam", {"weight_decay": -1.0}, "weight_decay"),
        ("adam", {"gradient_clip": 0.0}, "gradient_clip"),
        ("adam", {"betas": (0.9, 1.0)}, "betas"),
        ("sgd", {"momentum": 1.0}, "momentum"),
    ],
)
def test_make_optimizer_refuses(name: str, options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_optimizer(name, 1e-3, **options)


def test_frozen_parts_stay_and_do_not_count_in_clipping():
    params = {"encoder": {"kernel": jnp.ones(3)}, "head": jnp.ones(2)}
    gradient = {"encoder": {"kernel": jnp.full(3, 1e6)}, "head": jnp.array([0.3, 0.4])}
    optimizer = make_optimizer("adamw", 0.1, weight_decay=0.5, gradient_clip=1.0, frozen=("encoder",))
    alone = make_optimizer("adamw", 0.1, weight_decay=0.5, gradient_clip=1.0)
    state, other = optimizer.init(params), alone.init(params["head"])
    for _ in range(3):
        updates, state = optimizer.update(gradient, state, params)
        expected, other = alone.update(gradient["head"], other, params["head"])
        np.testing.assert_array_equal(updates["encoder"]["kernel"], 0)
        np.testing.assert_allclose(updates["head"], expected, rtol=1e-6)
    with pytest.raises(
        InputError, match="optimizer.frozen names 'tail', which the network does not have; its parts are"
    ):
        make_optimizer("adam", 0.1, frozen=("tail",)).init(params)
