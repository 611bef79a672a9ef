"""Reads. A function is named for what it returns, the entity first."""
