"""The command line as `python -m cupynn`, for when the `cupynn` script is not on the path."""

import sys

from cupynn.cli import main

sys.exit(main())
