"""The paper's experiments as named, repeatable runs."""
