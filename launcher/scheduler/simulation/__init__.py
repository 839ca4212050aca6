"""Weeks of a recorded workload in seconds, decided by the scheduler's own code. Pure.

trace ──> workload ──> loop ──> outcome ──> tables, picture
  │          │           │         └── waits, slowdowns and use of each run, in figures
  │          │           └── time jumps from event to event; the scheduler decides
  │          └── what a site would submit: load, limits, priorities, users
  └── nodes and pods out of CSV, every mistake with file and line
"""
