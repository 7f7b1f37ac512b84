"""Evaluator plugins that ship with Tollway. None is built yet."""
