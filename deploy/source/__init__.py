"""The one source of dashboards, rules and their tests: tables, and the few functions that turn them into files."""
