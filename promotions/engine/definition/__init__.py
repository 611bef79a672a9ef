"""Definitions: what a promotion says, checked and read in one place."""
