"""The rulebook: an account's promotions, compiled and indexed."""
