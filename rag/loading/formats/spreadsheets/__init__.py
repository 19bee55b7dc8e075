"""Tables: XLSX, CSV, TSV, JSON and JSON Lines."""
