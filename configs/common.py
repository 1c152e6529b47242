"""What every config shares: typed arguments, and the settings that rarely change."""

from ml_collections import ConfigDict


def parse_arg(arg: str | None, **defaults: bool | int | float | str) -> ConfigDict:
    """Read `name=value,flag,...` (what follows the colon in `--config=FILE:...`), typed by the defaults.

    Raises:
      ValueError: an argument that is not one of `defaults`, or a value of another type.
    """
    values = dict(defaults)
    for item in filter(None, (arg or "").split(",")):
        name, _, text = item.partition("=")
        if name not in defaults:
            raise ValueError(f"unknown config argument {name!r}: this config takes {sorted(defaults)}")
        kind = type(defaults[name])
        if kind is bool:
            if text.lower() not in ("", "true", "false", "1", "0"):
                raise ValueError(f"config argument {name!r} is {text!r}: give true or false")
            values[name] = text.lower() in ("", "true", "1")
            continue
        try:
            values[name] = kind(text)
        except ValueError:
            raise ValueError(f"config argument {name!r} is {text!r}: give a {kind.__name__}") from None
    return ConfigDict(values)
