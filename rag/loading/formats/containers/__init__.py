"""Files that hold other files: mail, archives, books, saved web pages."""
