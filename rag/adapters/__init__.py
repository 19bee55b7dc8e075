"""Converts answers to the types of other libraries and services. Each module names the extra that it needs."""
