"""The pages of the points ledger and of adjustments by staff."""
