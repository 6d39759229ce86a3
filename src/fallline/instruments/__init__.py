"""Measurements on a run: each a pure function that returns a data frame."""
