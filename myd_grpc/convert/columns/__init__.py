"""Which columns are written, and what becomes of their cells (docs/spec.md 11)."""
