"""An exercise through the live path."""
