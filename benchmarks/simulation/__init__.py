"""The real server with workers that only seem to convert: what it bears, and what breaks first."""
