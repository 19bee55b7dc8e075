"""Pages with places: PDFs, scans and pictures."""
