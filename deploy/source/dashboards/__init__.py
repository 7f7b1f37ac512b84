"""What people look at: one module for each dashboard, tables only."""
