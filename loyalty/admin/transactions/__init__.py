"""The pages of transactions and of the decision stored with each."""
