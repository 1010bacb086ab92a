"""What callers and upstreams speak: one room per protocol, and what carries an exchange between two of them."""
