"""Rules: live answers judged as they come, by a share of them and a scorer; what they say are scores on the traces."""
