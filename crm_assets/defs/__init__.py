"""All that imports Dagster: assets, checks, schedules and sensors, resources, partitions."""
