"""Readers of the files of instruments and of their programs' exports."""
