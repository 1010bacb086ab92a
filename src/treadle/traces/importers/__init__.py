"""Traces from elsewhere: a file becomes OTLP, which goes through the same door as everything else."""
