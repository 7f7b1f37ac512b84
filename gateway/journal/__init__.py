"""The durable queue between workers and recorder: frames in append-only segments."""
