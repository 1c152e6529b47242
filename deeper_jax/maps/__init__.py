"""Raman maps with their coordinates: instruments' files in, files of common formats out."""
