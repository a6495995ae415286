"""What lies in a set beside its tables: descriptions for programs and for people."""
