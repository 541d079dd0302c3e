"""What `runtime.generator` makes of the request models."""
