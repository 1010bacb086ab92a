"""Usage: what engines take of processors, memory and GPUs, minute by minute."""
