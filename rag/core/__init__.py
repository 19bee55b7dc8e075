"""Records and contracts that every stage shares. Imports nothing else of the package."""
