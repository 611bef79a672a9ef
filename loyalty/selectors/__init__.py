"""Reads, named <entity>_<what>."""
