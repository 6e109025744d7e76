"""What `make run` prints, the replay, and other commands."""
