"""`python -m cupynn`: the command line, where its script is not on the path."""

import sys

from cupynn.cli import main

sys.exit(main())
