"""Rules: the attributes that they compare, and trees of conditions compiled to predicates."""
