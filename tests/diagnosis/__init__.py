"""Tests of the diagnosis, and what they share."""
