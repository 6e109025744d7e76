"""The engines that run Ibis expressions: DuckDB and Spark."""
