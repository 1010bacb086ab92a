"""How targets stand over all workers: who reports it, where it is kept, how it is told."""
