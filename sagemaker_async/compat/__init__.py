"""Clients under the names of other libraries, for programs that were written for those. Nothing imports this room."""
