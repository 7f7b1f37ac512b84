"""The processes: supervisor, worker, recorder. The only package that knows everybody."""
