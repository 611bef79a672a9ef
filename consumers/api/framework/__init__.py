"""What every REST view is built on: credentials, parsing, fields, filters, paging, upsert collections."""
