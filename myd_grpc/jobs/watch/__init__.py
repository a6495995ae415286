"""Streams of states: who watches what, and what each stream consists of."""
