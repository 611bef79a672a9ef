"""Writes of points that no sale makes."""
