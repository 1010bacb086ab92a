"""Durable work: runs, their steps, logs and curves, on DBOS and child processes."""
