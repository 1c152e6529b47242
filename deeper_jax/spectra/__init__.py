"""Spectra and their axis, as every part needs them: resampling, preprocessing, principal components, rasters."""
