"""Import and export of rows as CSV, XLSX and JSON."""
