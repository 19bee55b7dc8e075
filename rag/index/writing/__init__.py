"""Writes a version of an index: reads sources, cuts, embeds, stores, and commits by one rename."""
