"""Answers that are looked up by structure: cells, numbered items, terms, enumerations."""
