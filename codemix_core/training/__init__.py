"""Training: everything that knows torchtune."""
