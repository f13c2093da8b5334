"""The Spark session: how it is opened, watched, recorded and restored."""
