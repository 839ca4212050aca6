"""Who runs next, where, and why the others wait. Pure: (state, now) -> decisions.

state ──> decide ──> placements, reasons
            ├── floor    one live cluster in a cycle: what is free, who holds it, who blocks it
            ├── place    one gang on nodes · room: their amounts, in Ray's fixed point
            └── explain  why a job waits · stock: who holds what · words: amounts as one says them
fits: gangs that can never run, told at submit
"""
