"""The data plane: one executor a Ray cluster, one agent a node of an allocation, the ranks.

Agents run where launcher need not be installed: everything that an agent imports is here, in
`model`, `frameworks`, `train`, `transport`, `errors`, `units` and `names`, and uses the standard
library alone. Only `main`, `raygroup` and `hosting` import ray.
"""
