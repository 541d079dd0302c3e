"""Inference routers, the data plane: what is invoked instead of an endpoint, and chooses one that has capacity."""
