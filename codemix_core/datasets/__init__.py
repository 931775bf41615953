"""Training data: rows chosen from scored generations, written in the formats trainers read."""
