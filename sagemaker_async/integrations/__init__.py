"""Bridges to other libraries and tools. A module that needs an optional library needs the extra of its own name."""
