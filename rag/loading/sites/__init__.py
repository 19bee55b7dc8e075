"""Reads whole web sites: which addresses belong to one, what its robots.txt allows, and what has changed since."""
