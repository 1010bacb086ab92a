"""Surveys: short questionnaires that an application shows in its sessions, with results per release."""
