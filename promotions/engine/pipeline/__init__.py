"""The pipeline: from a basket, a consumer and a rulebook to a decision."""
