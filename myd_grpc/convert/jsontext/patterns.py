"""What a pattern needs to find the same with every Python."""

from __future__ import annotations

import sys

OR_NOTHING = b"|" if sys.version_info < (3, 11, 5) else b""
"""The last alternative of what is repeated possessively, `(?:ab|)*+`, and so never fails there.

Before Python 3.11.5 a repetition that failed in its middle was left there, not before it (CPython
gh-106052): a string without its end was passed over. Later ones are faster without.
"""
