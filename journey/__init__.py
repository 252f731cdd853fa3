"""Paired shortcut and journey reasoning traces, and the controlled comparison of models fine-tuned on them."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - for who starts it with another Python than it was installed for
    sys.stderr.write(f"error: Python 3.11 or newer is needed, this is {sys.version.split()[0]}\n")
    sys.exit(2)
