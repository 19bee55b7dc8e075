"""Pages of PDFs and pictures: their images, the boxes of their words, and the order of reading."""
