"""Passes: each takes a `Graph` and returns a new one that computes the same. The lists are in `compiler/pipeline.py`."""
