"""Serves several indexes by name in one process, each with its own rights: the collections."""
