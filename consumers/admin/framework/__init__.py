"""What every page of the admin is built on: pages, fields, filters, dialogs, history."""
