"""The command line: commands parse, call the library and render; slow imports happen when a command runs."""
