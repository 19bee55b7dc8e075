"""Compares the words of a draft with those of its sources."""
