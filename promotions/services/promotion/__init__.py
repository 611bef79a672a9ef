"""Writes of promotions of every family."""
