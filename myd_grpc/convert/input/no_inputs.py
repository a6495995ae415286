"""What is said of a name that leads to no file that can be read."""

from __future__ import annotations

NO_FILE = "no such file; its path counts from the data directory"
IS_DIRECTORY = "is a directory: name the files in it"
NO_REGULAR_FILE = "is not a regular file: copy what is in it into one"
HOLDS_NO_INPUTS = (
    "is outside the data directory, or in the server's own directories: copy the file into the "
    "data directory"
)
