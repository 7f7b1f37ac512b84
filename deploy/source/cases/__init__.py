"""Cases in which alerts must fire, and in which they must not: tables."""
