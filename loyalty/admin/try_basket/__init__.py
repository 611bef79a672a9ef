"""Try a basket: the form, the page and the decision that it shows."""
