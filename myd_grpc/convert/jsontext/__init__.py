"""JSON text: its values, their ends, and where it goes wrong."""
