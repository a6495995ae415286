"""What the operator has chosen and masked for requests that name it (docs/spec.md 11.7)."""
