"""How long the ways to get words and speakers out of a call take, side by side."""
