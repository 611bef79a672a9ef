"""How fast the project is, and how its cost grows: figures of one run, each beside its target. Nothing imports it."""
