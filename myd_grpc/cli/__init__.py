"""The command line client: what `client.py` does."""
