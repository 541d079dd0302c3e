"""Bridges to other libraries; each module here is of use only with the extra of its name."""
