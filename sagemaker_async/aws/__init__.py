"""AWS machinery that serves any service: signing, framing, retries, credentials, endpoints, transport."""
