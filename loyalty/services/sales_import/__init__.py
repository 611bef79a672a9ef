"""Past sales: read from files, imported as history, or replayed through the till's own commit."""
