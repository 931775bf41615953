"""Rounds: sample, score, build, train, evaluate, and again from the tuned model."""
