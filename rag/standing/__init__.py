"""Keeps asking questions as documents change, and tells which answers changed, were withdrawn or are contradicted."""
