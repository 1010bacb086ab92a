"""Monitoring: signals that are watched, drift, abuse, online evaluation, and the alerts that tell of them."""
