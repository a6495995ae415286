"""Who calls, and what a caller may do (docs/spec.md 9)."""
