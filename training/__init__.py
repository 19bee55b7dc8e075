"""How the shipped weights and coefficients were made; see README.md here. Nothing in `rag/` imports it."""
