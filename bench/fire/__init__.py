"""What bench/budgets.py is made of: agents, a provider with a bill of its own, kills, and the books side by side."""
