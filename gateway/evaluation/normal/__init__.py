"""Bodies of every dialect become the same messages, tools and reasons to stop: one module for each dialect."""
