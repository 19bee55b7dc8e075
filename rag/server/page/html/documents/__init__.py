"""HTML of documents: what is indexed, lists, choices, and where files are dropped."""
