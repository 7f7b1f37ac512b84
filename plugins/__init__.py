"""Evaluator plugins that ship with Tollway. One file each, by the names of docs/evaluators.md."""
