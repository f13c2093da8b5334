"""The Spark session: opened, watched, recorded and set again."""
