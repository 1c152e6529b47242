"""In the place of PyTorch, where a test's process is to be one of an installation without it."""

raise ModuleNotFoundError("No module named 'torch'", name="torch")
