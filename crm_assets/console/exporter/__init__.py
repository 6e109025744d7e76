"""The exporter of the pipeline's metrics: what Prometheus scrapes."""
