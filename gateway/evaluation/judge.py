"""Asking a model for a verdict, through the gateway itself: money, retries, cache, and what is done with bad answers."""
