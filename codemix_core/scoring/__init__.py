"""Scoring: runs programs against their unit tests behind a wall and records verdicts."""
