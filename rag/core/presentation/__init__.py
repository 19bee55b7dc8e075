"""Responses as text, tables, notebook cells and links."""
