"""Who runs next, where, and why the others wait. Pure: (state, now) -> decisions.

scheduler ──> cycle ──> placements, preemptions, reservations
    │           ├── turns     whose turn it is · queue: the lines, kept · kind: jobs that are alike
    │           ├── shares    fair share, by what owners held and hold · quota: of projects
    │           ├── floor     one cluster: what is free, who holds it
    │           ├── place     one gang on nodes · room: their amounts, in Ray's fixed point
    │           ├── reserve   when and where the first blocked gang starts
    │           └── preempt   whom it may put off
    ├── explain   why a job waits · stock: who holds what · words: amounts as one says them
    └── forecast  when those of the queue start
decide: the same as one function of a state · fits: gangs that can never run, told at submit
simulate, simulation/: the same code on recorded workloads
"""
