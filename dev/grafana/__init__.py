"""Grafana's dashboard of the pipeline and the REST API, made from the names of the metrics."""
