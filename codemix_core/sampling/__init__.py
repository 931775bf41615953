"""Sampling: prompts, models, engines and code extraction; ``stage.py`` runs them."""
