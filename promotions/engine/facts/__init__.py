"""Facts: the basket, the consumer, and the consumer's progress towards application rules."""
