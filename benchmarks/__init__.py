"""Reproducible measurements: `make bench`, or `SCALE=10 make bench`. Never part of the tests."""
