"""What a program calls: pictures in, pictures and losses out; and manifests, without Prefect and its commands."""
