"""What a release needs to serve in an environment, and whether it has it."""
