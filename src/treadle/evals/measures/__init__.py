"""The measures behind scorers, each as published: pure functions of texts, labels or numbers, without a word about rows."""
