"""Turns text into unit vectors."""
