"""The Python interface: pictures in, pictures and losses out; and manifests, without Prefect and the commands."""
