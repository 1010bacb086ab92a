"""Between what a caller speaks and what an upstream speaks: requests there, answers and streams back."""
