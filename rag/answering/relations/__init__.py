"""Statements of sentences, and whether two of them agree, differ or deny what is asked."""
