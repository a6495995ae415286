"""A document's records: where they are, and where each ends."""
