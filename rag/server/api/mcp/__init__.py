"""The tools of the Model Context Protocol: their schemas, calls and results."""
