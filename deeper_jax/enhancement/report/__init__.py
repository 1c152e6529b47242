"""A web page and a picture of a map before and after `deeper_jax.enhance`, with words on what to believe."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deeper_jax.enhancement.report.page import write_page
    from deeper_jax.enhancement.report.words import summary_sentences

__all__ = ["summary_sentences", "write_page"]

# Imported when they are first used: words need no library that draws.
_MODULES = {"summary_sentences": "words", "write_page": "page"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
