"""Matching: which units of a basket a promotion takes, and at which prices."""
