"""Reads passages for the words that may answer a question."""
