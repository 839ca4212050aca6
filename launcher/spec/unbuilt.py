"""Keys of the design whose feature is not there yet, refused by name.

Whoever builds one deletes its line here and adds it to jobspec.py. The text beside a key is what to
do meanwhile; it may be empty.
"""

from __future__ import annotations

KEYS_NOT_BUILT = {
    "timeouts.hang": "timeouts.run ends a job that never ends by itself",
}
