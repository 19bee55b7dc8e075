"""Turns a question into candidate passages: by vectors, by words, and by both."""
