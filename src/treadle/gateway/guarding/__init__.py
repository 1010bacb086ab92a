"""Guards at work: what a release pins, run over texts on their way in and out, in streams too."""
