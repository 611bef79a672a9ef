"""The pages of results: of one promotion, and of all."""
