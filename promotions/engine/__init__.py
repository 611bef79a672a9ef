"""The decision, pure: standard library only, no Django, no clock, no database, no input or output."""
