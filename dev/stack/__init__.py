"""The deployed stack of docker/compose.yaml as native processes, with what its services need from us."""
