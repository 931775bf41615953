"""Scripts and recipes a person starts; a package, so that torchtune's own of this name is not found first."""
