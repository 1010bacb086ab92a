"""Archived days: written to Parquet before they are forgotten, and asked there afterwards."""
