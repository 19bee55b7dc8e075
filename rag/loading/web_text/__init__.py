"""The visible text of HTML: its blocks, its main text, its lines in the file."""
