"""``python -m pytest_amct`` is ``pytest-amct``."""

import sys

from pytest_amct.cli import main

if __name__ == "__main__":
    sys.exit(main())
