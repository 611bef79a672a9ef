"""The till: quotes, commits, returns and voids."""
