"""Pass rates, their uncertainty, and the comparison of two runs."""
