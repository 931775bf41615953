"""The command line: ``python -m codemix_core``."""
