"""Jobs: their state, their queue, the processes that do them, and who watches them."""
