"""Worker processes, from both sides of the pipe between them and the server.

In the server: `pool` hands out workers, `process` is one of them, and `watchdog` tells whether it
still works. In the worker: `program` does one task after another, `checkpointer` saves how far it
is, and `staging` is about the directory that it writes. `protocol` is what both say to each other,
`hardening` what every process here does about itself. Neither side imports the other.
"""
