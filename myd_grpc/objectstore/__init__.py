"""Object storage: which part of it is meant, and how it is reached."""
