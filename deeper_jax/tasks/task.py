"""What a task is: everything about one kind of network that differs from the other kinds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from flax import nnx
from ml_collections import ConfigDict

from deeper_jax.errors import InputError, did_you_mean
from deeper_jax.models.registry import build_from_config, shapes_from_config
from deeper_jax.training.job import TrainingJob

Config: TypeAlias = Mapping[str, Any] | ConfigDict


@dataclass(frozen=True)
class EvaluationOptions:
    """What a user may choose when a trained model is evaluated.

    Attributes:
        data: what to evaluate on, a path; None: the test split of the run's own data.
        image_shape: (H, W) of raster data whose file does not say it.
        released: also give the released code's variants of the metrics.
        include_trained: also evaluate on what the model was trained on.
        command: the command line, for the record.
    """

    data: str | Path | None = None
    image_shape: tuple[int, int] | None = None
    released: bool = False
    include_trained: bool = False
    command: str = ""


@dataclass(frozen=True)
class Task:
    """One kind of work, such as denoising, from the config to the report.

    Attributes:
        name: as `config.task` calls it.
        networks: names in `models.registry.MODELS` of the networks that can be trained for it; those whose weights may
            come without a config (released ones) belong to one task only.
        batch_shapes: (config, batch size) to the shapes of a training batch, {"input", "target"}.
        prepare: a config's network and training data.
        wrap: (module, record of a checkpoint) to the model that takes a user's arrays.
        evaluate: compares a loaded model with the reference methods; tables, pictures and a page go into a folder.
    """

    name: str
    networks: tuple[str, ...]
    batch_shapes: Callable[[Config, int], dict[str, tuple[int, ...]]]
    prepare: Callable[[ConfigDict], TrainingJob]
    wrap: Callable[[nnx.Module, dict[str, Any]], Any]
    evaluate: Callable[[Any, Path, EvaluationOptions], None]

    def build(self, config: Config) -> nnx.Module:
        """The network of a config with its seed's random weights.

        Raises:
            InputError: no network of that name, one of another task, or arguments that it does not take.
        """
        return self._built(config, build_from_config)

    def shapes(self, config: Config) -> nnx.Module:
        """The same with shapes and types in place of weights (`nnx.eval_shape`), which takes no time or memory.

        Raises:
            InputError: as `build`.
        """
        return self._built(config, shapes_from_config)

    def _built(self, config: Config, build: Callable[[dict[str, Any]], nnx.Module]) -> nnx.Module:
        self.check_network(config)
        try:
            return build(config.to_dict() if isinstance(config, ConfigDict) else dict(config))
        except InputError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            problem = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InputError(f"this config does not say how to build the network ({problem}); correct it.") from error

    def check_network(self, config: Config) -> None:
        """Raise InputError if the network of a config is not one of the task's."""
        model = config.get("model")
        name = model.get("name") if isinstance(model, Mapping | ConfigDict) else None
        if name not in self.networks:
            hint, known = did_you_mean(name, self.networks), " and ".join(self.networks)
            raise InputError(
                f"config.model.name is {name!r}{hint}; for {self.name} there is {known}: change config.model.name or "
                "config.task."
            )
