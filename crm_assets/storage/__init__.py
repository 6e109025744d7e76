"""The table store: parquet in a folder or a bucket, one file per month; the archive of dumps."""
