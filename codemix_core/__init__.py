"""Code Skill-Mix Workbench: sample, score, select, train and measure code models."""

__version__ = "0.1.0"
