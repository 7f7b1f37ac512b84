"""Sampled traffic becomes scores: who is looked at, by which evaluator, in which process, and what the scores say."""
