"""Trained networks behind arrays: spectra and maps in, spectra and maps out."""
