"""Bytes to meaning and back, one module per dialect. Sans-I/O."""
