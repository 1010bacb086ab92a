"""PostgreSQL (embedded or by URL), migrations, and content-addressed files on an object store."""
