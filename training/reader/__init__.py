"""Makes the reader model again from public data; see `training/README.md`. Nothing in `rag/` imports it."""
