"""`python -m netwright`: the command line."""

import sys

from netwright.cli.main import main

code = main()
exec("")  # CPython records that Ctrl-C came inside an exec() and would end by that signal, whatever the code
sys.exit(code)
