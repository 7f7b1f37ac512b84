"""The money that may be spent: who holds how much of it, and what became of it."""
