"""Workers on the nodes of a Ray cluster (docs/spec.md 15.1); only the driver process loads Ray."""
