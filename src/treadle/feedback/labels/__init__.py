"""Label schemas: what somebody is asked about an answer, and whether what they said fits."""
