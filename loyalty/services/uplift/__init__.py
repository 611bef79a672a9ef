"""Measure what promotions changed, against their control groups."""
