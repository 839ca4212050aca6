"""Marks that it runs; needs no package."""

import sys

from marks import Marks

Marks(sys.argv[1]).add("line")
