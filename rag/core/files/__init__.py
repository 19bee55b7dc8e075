"""Files that are written whole or not at all, read safely and known by their hash."""
