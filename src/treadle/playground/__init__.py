"""Try prompts: what they cost, examples from datasets, grids of prompts, endpoints and rows, attacks."""
