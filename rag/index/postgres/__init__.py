"""Stores an index in a PostgreSQL database with pgvector: the engine behind `postgresql://`.

The tables are in `schema.py`. A commit is one transaction. Readers see the rows of their version until it is purged.
"""
