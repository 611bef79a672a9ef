"""The editor of loyalty promotions: page, form, files, summary and preview."""
