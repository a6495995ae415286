"""Measurements of the whole service on generated data; `make bench` runs them."""
