"""Optimizers by name, with PyTorch's defaults and PyTorch's meaning of weight decay."""

from collections.abc import Collection

import optax

from deeper_jax.errors import InputError, did_you_mean
from deeper_jax.training.schedules import Schedule

# PyTorch's defaults; Optax's adamw would decay by 1e-4.
DEFAULT_WEIGHT_DECAY = {"adam": 0.0, "adamw": 0.01, "sgd": 0.0}


def make_optimizer(
    name: str,
    schedule: Schedule | float,
    *,
    weight_decay: float | None = None,
    gradient_clip: float | None = None,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    momentum: float = 0.0,
    frozen: Collection[str] = (),
) -> optax.GradientTransformation:
    """The optimizer called `name`, stepping as PyTorch's does.

    Args:
        name: 'adam', 'adamw' or 'sgd'.
        schedule: learning rate as a function of the step count, or one number.
        weight_decay: added to the gradient (adam, sgd) or decoupled from it (adamw). None means PyTorch's
            default: 0.01 for adamw and 0 for the others. It applies to every parameter.
        gradient_clip: largest global norm of the gradient; None for no clipping.
        betas: decay rates of Adam's two moments.
        epsilon: added to the root of Adam's second moment.
        momentum: of sgd, without dampening or Nesterov's form.
        frozen: parts of the network by name ('upsamplers', 'encoder1') that keep their values: the first name of a
            parameter's path.

    Raises:
        InputError: for an unknown name or a value out of range; a part that the network does not have, once it is
            given one (`init`).
    """
    if name not in DEFAULT_WEIGHT_DECAY:
        raise InputError(
            f"there is no optimizer called {name!r}{did_you_mean(name, DEFAULT_WEIGHT_DECAY)}: choose one of "
            f"{', '.join(DEFAULT_WEIGHT_DECAY)}."
        )
    decay = DEFAULT_WEIGHT_DECAY[name] if weight_decay is None else weight_decay
    _check(decay >= 0, "weight_decay", "0 or more", decay)
    _check(gradient_clip is None or gradient_clip > 0, "gradient_clip", "positive, or None", gradient_clip)
    _check(0 <= betas[0] < 1 and 0 <= betas[1] < 1, "betas", "two numbers from 0 to below 1", betas)
    _check(0 <= momentum < 1, "momentum", "from 0 to below 1", momentum)

    # First, so that clipping does not count frozen parts; last, so that weight decay does not move them.
    parts: list[optax.GradientTransformation] = [_freeze(frozen)] if frozen else []
    if gradient_clip is not None:
        parts.append(optax.clip_by_global_norm(gradient_clip))
    if name != "adamw" and decay:
        parts.append(optax.add_decayed_weights(decay))
    if name != "sgd":
        parts.append(optax.scale_by_adam(b1=betas[0], b2=betas[1], eps=epsilon))
    elif momentum:
        parts.append(optax.trace(decay=momentum))
    if name == "adamw" and decay:
        parts.append(optax.add_decayed_weights(decay))
    parts.append(optax.scale_by_learning_rate(schedule))
    if frozen:
        parts.append(_freeze(frozen))
    return optax.chain(*parts)


def _freeze(frozen: Collection[str]) -> optax.GradientTransformation:
    def mask(params: optax.Params) -> dict[str, bool]:
        unknown = sorted(set(frozen) - set(params))
        if unknown:
            raise InputError(
                f"optimizer.frozen names {', '.join(map(repr, unknown))}, which the network does not have; its parts "
                f"are {', '.join(sorted(params))}."
            )
        return {name: name in frozen for name in params}

    return optax.transforms.freeze(mask)


def _check(good: bool, setting: str, expected: str, found: object) -> None:
    if not good:
        raise InputError(f"the optimizer's {setting} must be {expected}, but it is {found!r}.")
