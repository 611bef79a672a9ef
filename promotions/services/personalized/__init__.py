"""Writes of personalized promotions, and of the lists that consumers choose from."""
