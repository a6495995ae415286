"""Workers on the nodes of a Ray cluster (docs/spec.md 10.1); only the driver process loads Ray."""
