"""Learning-rate schedules: functions from the number of finished steps to the next step's learning rate.

Each is a plain function of a step count (a Python int or an integer array), usable inside jit, and equal
to PyTorch's scheduler of the same kind within float32 rounding. Differences of large, nearly equal numbers
are avoided: a one-cycle schedule ends at a 250,000th of its peak, where float32 would leave nothing of
`1 + cos(...)`.
"""

import inspect
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.errors import InputError, did_you_mean

Step = int | jax.Array
Schedule = Callable[[Step], jax.Array]


def constant(learning_rate: float) -> Schedule:
    """The same learning rate at every step."""
    return lambda step: jnp.full(jnp.shape(step), learning_rate, jnp.float32)


def one_cycle(
    max_learning_rate: float,
    total_steps: int,
    *,
    warmup_fraction: float = 0.3,
    initial_divisor: float = 25.0,
    final_divisor: float = 1e4,
) -> Schedule:
    """Cosine from max/initial_divisor up to max, then cosine down to max/initial_divisor/final_divisor.

    PyTorch's OneCycleLR with its defaults, stepped once per batch: the peak is at step
    warmup_fraction * total_steps - 1 and the end at step total_steps - 1. Later steps keep the final rate
    (PyTorch raises there). Momentum is not cycled.

    `optax.cosine_onecycle_schedule` has its peak a step later, at a whole step only, and in float32 its last rates are
    off by up to 0.3 % (28,050 steps), which equality with PyTorch does not allow.
    """
    initial = max_learning_rate / initial_divisor
    final = initial / final_divisor
    peak_step = warmup_fraction * total_steps - 1
    last_step = total_steps - 1

    def schedule(step: Step) -> jax.Array:
        step = jnp.minimum(jnp.asarray(step), last_step)
        # The part left of each half wave, from whole numbers, which float32 holds exactly.
        risen = step.astype(jnp.float32) / max(peak_step, 1e-6)
        left = (last_step - step).astype(jnp.float32) / max(last_step - peak_step, 1e-6)
        up = initial + (max_learning_rate - initial) * _half_wave(risen)
        down = final + (max_learning_rate - final) * _half_wave(left)
        return jnp.where(step <= peak_step, up, down).astype(jnp.float32)

    return schedule


def step_decay(
    learning_rate: float, steps_per_epoch: int, *, epochs_per_drop: int = 50, factor: float = 0.2
) -> Schedule:
    """Multiplied by `factor` after every `epochs_per_drop` epochs: PyTorch's StepLR, stepped per epoch."""
    power = _integer_power(factor)
    steps_per_drop = steps_per_epoch * epochs_per_drop
    return lambda step: jnp.float32(learning_rate) * power(jnp.asarray(step) // steps_per_drop)


def multiplicative(learning_rate: float, steps_per_epoch: int, *, factor: float = 0.985) -> Schedule:
    """Multiplied by `factor` after every epoch: PyTorch's MultiplicativeLR with a constant factor."""
    return step_decay(learning_rate, steps_per_epoch, epochs_per_drop=1, factor=factor)


def cyclic(max_learning_rate: float, base_learning_rate: float, *, rising_steps: int = 2000) -> Schedule:
    """Triangles between base and max, each half as high as the one before.

    PyTorch's CyclicLR in its 'triangular2' mode, stepped once per batch: `rising_steps` up and as many down.
    """
    power = _integer_power(0.5)
    period = 2 * rising_steps

    def schedule(step: Step) -> jax.Array:
        cycle, position = jnp.divmod(jnp.asarray(step), period)
        height = jnp.minimum(position, period - position).astype(jnp.float32) / rising_steps
        return base_learning_rate + (max_learning_rate - base_learning_rate) * height * power(cycle)

    return schedule


def warmup_cosine(
    max_learning_rate: float, total_steps: int, *, warmup_fraction: float = 0.05, final_divisor: float = 100.0
) -> Schedule:
    """Linear from near 0 up to max, then cosine down to max/final_divisor at the last step (our own).

    The first step has max / warm-up steps rather than 0, so that no step is wasted.
    """
    warmup_steps = max(1, round(warmup_fraction * total_steps))
    final = max_learning_rate / final_divisor
    last_step = total_steps - 1

    def schedule(step: Step) -> jax.Array:
        step = jnp.minimum(jnp.asarray(step), last_step)
        up = max_learning_rate * (step + 1).astype(jnp.float32) / warmup_steps
        left = (last_step - step).astype(jnp.float32) / max(last_step - warmup_steps + 1, 1)
        down = final + (max_learning_rate - final) * _half_wave(left)
        return jnp.where(step < warmup_steps, up, down).astype(jnp.float32)

    return schedule


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": constant,
    "one_cycle": one_cycle,
    "step_decay": step_decay,
    "multiplicative": multiplicative,
    "cyclic": cyclic,
    "warmup_cosine": warmup_cosine,
}


def make_schedule(
    name: str, learning_rate: float, *, total_steps: int, steps_per_epoch: int, **options: float
) -> Schedule:
    """The schedule called `name`.

    Args:
        name: one of SCHEDULES.
        learning_rate: the highest rate that the schedule reaches (for `constant`, the only one).
        total_steps: optimizer steps of the whole run.
        steps_per_epoch: optimizer steps of one epoch.
        options: the schedule's other arguments, by name; `cyclic` needs `base_learning_rate`.

    Raises:
        InputError: for an unknown name or option, a missing option, or a value out of range.
    """
    if name not in SCHEDULES:
        hint, known = did_you_mean(name, SCHEDULES), ", ".join(SCHEDULES)
        raise InputError(f"there is no schedule called {name!r}{hint}: choose one of {known}.")
    run = {
        "learning_rate": learning_rate,
        "max_learning_rate": learning_rate,
        "total_steps": total_steps,
        "steps_per_epoch": steps_per_epoch,
    }
    parameters = inspect.signature(SCHEDULES[name]).parameters
    choices = [parameter for parameter in parameters if parameter not in run]
    _check_names(name, options, choices)
    for option in choices:
        if parameters[option].default is inspect.Parameter.empty and option not in options:
            raise InputError(f"schedule {name!r} needs the option {option!r}: give it a value.")
    arguments = {key: value for key, value in run.items() if key in parameters} | options
    for key, value in arguments.items():
        _check_value(name, key, value)
    return SCHEDULES[name](**arguments)


def _half_wave(part: jax.Array) -> jax.Array:
    """(1 - cos(pi * part)) / 2 without its cancellation near 0."""
    return jnp.square(jnp.sin(jnp.float32(math.pi / 2) * part))


def _integer_power(base: float, block: int = 256) -> Callable[[jax.Array], jax.Array]:
    """base**n for 0 <= n < block**2 at float32 accuracy (a float32 power errs by n times base's rounding)."""
    low = np.float64(base) ** np.arange(block)
    high = np.float64(base) ** (block * np.arange(block))
    low_table, high_table = low.astype(np.float32), high.astype(np.float32)

    def power(exponent: jax.Array) -> jax.Array:
        exponent = jnp.clip(exponent, 0, block**2 - 1)
        return jnp.asarray(low_table)[exponent % block] * jnp.asarray(high_table)[exponent // block]

    return power


def _check_names(name: str, options: dict[str, float], choices: list[str]) -> None:
    unknown = sorted(set(options) - set(choices))
    if unknown:
        listed = f"it takes {', '.join(choices)}" if choices else "it takes none"
        hint = did_you_mean(unknown[0], choices)
        raise InputError(f"schedule {name!r} has no option {', '.join(map(repr, unknown))}{hint}: {listed}.")


_WHOLE_NUMBERS = ("total_steps", "steps_per_epoch", "epochs_per_drop", "rising_steps")


def _check_value(name: str, key: str, value: object) -> None:
    """Numbers only, positive, whole where they count something, and a fraction where they are one."""
    whole = key in _WHOLE_NUMBERS
    expected = "a positive whole number" if whole else "a number between 0 and 1" if "fraction" in key else ""
    expected = expected or "a positive number"
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    good = isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    if good and "fraction" in key:
        good = 0 <= value <= 1  # type: ignore[operator]
    elif good:
        good = value > 0  # type: ignore[operator]
    if not good:
        raise InputError(f"schedule {name!r}: {key} must be {expected}, but it is {value!r}.")
