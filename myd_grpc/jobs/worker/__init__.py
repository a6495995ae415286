"""Worker processes: the program they run, what is said to them, and who looks after them."""
