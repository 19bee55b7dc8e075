"""Reads what an index stores: documents, vectors, words, and the manifest that names its files."""
