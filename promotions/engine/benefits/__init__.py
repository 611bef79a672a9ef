"""Benefits: the points, vouchers and discounts that a promotion gives."""
