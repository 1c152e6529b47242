"""Simulated and measured data: files, preprocessing, augmentation and the input pipeline.

TensorFlow is imported by the modules here that need it, and nowhere else in the package.
"""
