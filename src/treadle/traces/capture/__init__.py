"""How much of what applications say a project lets them send: nothing, masked, or all."""
