"""The command line: a command parses, calls the library and renders; it imports what is slow when it runs."""
