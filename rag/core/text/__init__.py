"""What every stage knows of plain text: its characters, stop words and hyphens."""
