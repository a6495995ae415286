"""From records to rows: what an engine promises, and those there are."""
