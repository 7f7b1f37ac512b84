"""Counters from records: the catalogue, their totals, and the live board of the workers."""
