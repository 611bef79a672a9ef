"""The promotion editor: the pages, forms, steps and files that promotions of every family share."""
