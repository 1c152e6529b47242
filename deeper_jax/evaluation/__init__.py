"""Metrics, reference methods, statistics, tables and figures."""
