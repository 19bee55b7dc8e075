"""One process that serves the page, REST and MCP."""
