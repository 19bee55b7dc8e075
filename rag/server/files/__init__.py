"""Files that visitors hand in, the originals that the page shows, and their removal."""
