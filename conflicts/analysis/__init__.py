"""Analysis of conflicts: whether two promotions can meet in a basket, shown by examples. Pure."""
