"""A web page and a picture of a map before and after `deeper_jax.enhance`, with words on what to believe."""

from deeper_jax.enhancement.report.page import write_page
from deeper_jax.enhancement.report.words import summary_sentences

__all__ = ["summary_sentences", "write_page"]
