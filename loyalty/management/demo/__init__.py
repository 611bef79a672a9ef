"""The demo account's content, and how it gets there. Everything in it is made up."""
