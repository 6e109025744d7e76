"""The deployed stack of docker/compose.yaml as native processes, and what its services need of us."""
