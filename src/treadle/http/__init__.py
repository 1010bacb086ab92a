"""What every route shares: the context of a request, its policy, problem details."""
