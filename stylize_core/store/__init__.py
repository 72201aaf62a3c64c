"""The output store: layout, commits, resume, lease, fingerprints of inputs."""
