"""The form of a loyalty promotion, by tab."""
