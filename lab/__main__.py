"""``python -m lab`` is ``pelab``."""

import sys

from lab.cli.main import main

sys.exit(main())
