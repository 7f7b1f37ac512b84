"""Asking a model for a verdict, through the gateway itself: money, retries, cache, bad answers."""
