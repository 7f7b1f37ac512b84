"""Synchronous decisions over plain data: who, where to, at what price. Sans-I/O."""
