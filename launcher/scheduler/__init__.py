"""Who runs next, where, and why the others wait. Pure: (state, now) -> decisions.

state ──> decide ──> placements, reasons
            │
            ├── floor    one live cluster during a cycle: what is free, who holds it, who blocks it
            ├── place    one gang on nodes        room   amounts of the nodes, in Ray's fixed point
            ├── fits     gangs that can never run, for the submit
            └── explain  why a job waits          words  amounts as people say them
"""
