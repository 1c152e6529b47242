"""Configs by name or by file, with settings changed on the command line."""

import contextlib
import runpy
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeper_jax.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from ml_collections import ConfigDict

PACKAGE = Path(__file__).parents[1]
# A wheel carries the configs inside the package, the repository has them beside it.
SHIPPED = next(folder for folder in (PACKAGE / "configs", PACKAGE.parent / "configs") if folder.is_dir())
FORM = "NAME_OR_FILE[:args]"


def shipped_configs() -> list[str]:
    """Names of the configs that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.py") if path.stem != "common")


def load_config(name: str, settings: Sequence[str] = ()) -> "ConfigDict":
    """The configuration `NAME_OR_FILE[:args]`, locked against settings that it does not have.

    Args:
        name: of a shipped config, or the path of a Python file with a function `get_config(arg)`; what follows the
            colon is given to it. Such a file may import the shipped ones, `from configs import denoising`.
        settings: to change, each as '--config.KEY=VALUE'.

    Raises:
        InputError: there is no such config, it cannot be read, or it has no such setting.
    """
    from ml_collections import ConfigDict

    file, _, argument = name.partition(":")
    path = _find(file)
    try:
        with _configs_importable(path.resolve().parent):
            get_config = runpy.run_path(str(path)).get("get_config")
            config = get_config(argument or None) if callable(get_config) else None
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error
    except Exception as error:  # a mistake in the user's file, of whatever kind
        raise InputError(f"{name}: this config cannot be read ({type(error).__name__}: {error}).") from error
    if not isinstance(config, ConfigDict):
        raise InputError(f"{name}: expected a function get_config(arg) that returns a ConfigDict; write one there.")
    if path.resolve().parent != SHIPPED.resolve():
        _check_against_shipped(config, name)
    _apply(config, settings)
    return config


def setting_lines(settings: Mapping[str, Any], name: str = "config") -> list[str]:
    """All settings, a line each, as the command line takes them: '--config.train.steps=400'."""
    lines: list[str] = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            lines += setting_lines(value, f"{name}.{key}")
        else:
            lines.append(f"--{name}.{key}={value}")
    return lines


def _find(file: str) -> Path:
    if file in shipped_configs():
        return SHIPPED / f"{file}.py"
    path = Path(file)
    if not path.is_file():
        names = ", ".join(shipped_configs())
        raise InputError(
            f"{file}: there is no such config file; give one, or one that comes with the package: {names}."
        )
    return path


@contextlib.contextmanager
def _configs_importable(folder: Path) -> Iterator[None]:
    """`configs` is the package of the shipped configs, and of the folder's own where that is called `configs`."""

    def loaded() -> dict[str, types.ModuleType]:
        return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "configs"}

    before, package = loaded(), types.ModuleType("configs")
    package.__path__ = [*([str(folder)] if folder.name == "configs" else []), str(SHIPPED)]
    for name in before:
        del sys.modules[name]
    sys.modules["configs"] = package
    try:
        yield
    finally:
        for name in loaded():
            del sys.modules[name]
        sys.modules.update(before)


def _check_against_shipped(config: "ConfigDict", name: str) -> None:
    """Raise InputError if a user's config lacks settings of its task, or has some that no config of the task has."""
    shipped = [load_config(other) for other in shipped_configs()] if "task" in config else []
    same = [other for other in shipped if other.get("task") == config["task"]]
    for section in ("", "train", "data"):
        parts = [other[section] if section else other for other in same]
        if not parts:
            continue
        own = config.get(section, {}) if section else config
        known = {key for part in parts for key in part}
        needed = set.intersection(*(set(part) for part in parts))
        where = f"config.{section}".strip(".")
        for key in sorted(set(own) - known):
            raise InputError(f"{name}: {where} has the unknown setting {key!r}{did_you_mean(key, known)}; take it out.")
        for key in sorted(needed - set(own)):
            raise InputError(f"{name}: {where} lacks {key!r}; begin with a config of the package, and change that.")


def _apply(config: "ConfigDict", settings: Sequence[str]) -> None:
    from absl import flags
    from ml_collections import config_flags

    for setting in settings:
        _check_known(config, setting.partition("=")[0].removeprefix("--config."))
    values, arguments = flags.FlagValues(), ["", *settings]
    try:
        config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=arguments)
        values(arguments)
    except (flags.Error, ValueError, TypeError) as error:
        # The last line is the cause; the libraries wrap it in several others.
        cause = [line.strip() for line in str(error).splitlines() if line.strip()][-1]
        raise InputError(f"{' '.join(settings)}: {cause}.") from error


def _check_known(config: "ConfigDict", key: str) -> None:
    from ml_collections import ConfigDict

    place: object = config
    for part in key.split("."):
        if not isinstance(place, ConfigDict) or part not in place:
            known = list(place) if isinstance(place, ConfigDict) else []
            hint, listed = did_you_mean(part, known), ", ".join(sorted(known)) or "none"
            raise InputError(f"--config.{key}: the config has no setting {part!r}{hint}; there are: {listed}.")
        place = place[part]
