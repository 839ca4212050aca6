"""The control plane: API, queue, database, blobs, pages. It never imports ray.

routes/ ──> control     what people want of jobs, and the one place that changes them
        ├─> agents      what agents say, and the orders they get
        └─> executors   sessions, wishes and reports of the executors
scheduling  the loop that grants attempts ·  notify  wakes whoever waits
views       jobs as the API shows them    ·  embedded  starts an executor on this machine
process     starts, finds and stops a server (standard library alone: the CLI uses it)
"""
