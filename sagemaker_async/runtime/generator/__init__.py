"""Makes `runtime.generated` of the request models; left out of the wheel."""
