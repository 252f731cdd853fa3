"""`python -m journey`: the command line, safe to run inside a checkout (whose folders shadow other packages)."""

from __future__ import annotations

import sys

if not sys.flags.safe_path:
    del sys.path[0]

from journey.cli.app import main

if __name__ == "__main__":
    main()
