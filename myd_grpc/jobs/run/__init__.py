"""Doing jobs: in which order, from the worker to the published set, and after a restart."""
