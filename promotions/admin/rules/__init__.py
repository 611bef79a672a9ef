"""The rule builder: its field, its wording and its endpoints."""
