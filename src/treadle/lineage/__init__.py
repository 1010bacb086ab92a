"""Who was made from what: edges between the ids of any slice, walked both ways."""
