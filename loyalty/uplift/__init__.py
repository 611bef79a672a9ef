"""The arithmetic of uplift: pure functions over sums, without Django."""
