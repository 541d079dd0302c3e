"""Inference routers, the data plane: a router is invoked instead of an endpoint, and chooses one that has capacity."""
