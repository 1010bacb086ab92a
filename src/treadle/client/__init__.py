"""The SDK: one small room per slice over one HTTP contract."""
