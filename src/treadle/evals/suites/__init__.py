"""Published benchmarks: task files run as experiments, and tasks of lm-evaluation-harness run by its own program."""
