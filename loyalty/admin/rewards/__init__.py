"""The pages of offers and vouchers, and the claim of an offer for a consumer."""
