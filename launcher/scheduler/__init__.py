"""Who runs next, where, and why the others wait. Pure: (state, now) -> decisions.

scheduler ──> cycle ──> placements, preemptions, reservations
    │           ├── turns     whose turn it is · passing: of those behind a blocked job
    │           ├── queue     the lines, kept · line · kind: jobs that are alike
    │           ├── shares    fair share, by what owners held and hold · quota: of projects
    │           ├── floor     one cluster: what is free, who holds it · ledger: the same as columns
    │           ├── place     one gang on nodes · room: their amounts, in Ray's fixed point · asked
    │           ├── reserve   when and where the first blocked gang starts · giving: as others end
    │           └── preempt   whom it may put off
    ├── explain   why a job waits · stock: who holds what · words: amounts as one says them
    └── forecast  when those of the queue start
decide: the same as one function of a state · fits: gangs that can never run, told at submit
simulate, simulation/: the same code on recorded workloads
"""
