"""Proof that the books are right: pure checks over records, bodies and sums, which change nothing."""
