"""The vocabulary: plain data that every other package speaks. Imports nothing of ours."""
