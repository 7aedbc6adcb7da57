"""Run the command of this package, `python tests/bench/steps`, from any folder."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # instead of this folder, which holds the modules of `steps`

from steps.command import main  # noqa: E402

sys.exit(main())
