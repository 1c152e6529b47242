"""How Sphinx builds these pages: `make docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deeper_jax.version import __version__

project = "deeper_jax"
author = "the deeper_jax developers"
project_copyright = author
release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "notebooks/.ipynb_checkpoints"]
html_theme = "furo"
html_title = f"deeper_jax {release}"

myst_heading_anchors = 3
# Shell commands and Python between others' output are coloured; what is none of them is `text`.
highlight_language = "text"

# Notebooks are kept without output and run anew for each build; an error in a cell is an error of the build.
nb_execution_mode = "auto"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_output_stderr = "remove"

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
# Fields of named tuples are listed once, under "Attributes".
napoleon_use_ivar = True

# Pages of the repository that stand outside this folder are linked as files.
myst_url_schemes = ("http", "https", "mailto")
