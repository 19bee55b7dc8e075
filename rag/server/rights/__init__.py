"""Knows who may do what on a server of several collections: rights, passwords, sessions, and who asks."""
