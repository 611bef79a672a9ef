"""Writes of offers, vouchers and claims."""
