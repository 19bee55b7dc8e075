"""Word processors and slides: DOCX, PPTX, OpenDocument, RTF, and old files of Office."""
