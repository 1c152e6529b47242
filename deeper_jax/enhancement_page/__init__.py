"""A web page and a picture of a map before and after `deeper_jax.enhance`, with words on what to believe."""

from deeper_jax.enhancement_page.page import write_page
from deeper_jax.enhancement_page.words import summary_sentences

__all__ = ["summary_sentences", "write_page"]
