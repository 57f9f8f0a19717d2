"""`python -m netwright`: the command line."""

import sys

from netwright.cli.main import main

sys.exit(main())
