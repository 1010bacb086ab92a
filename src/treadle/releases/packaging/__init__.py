"""What a release is made of, how two differ, and how one leaves the platform: folders, OCI layouts, Kubernetes."""
