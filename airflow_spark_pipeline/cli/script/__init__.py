"""Contains only the file that ``spark-submit`` starts, so that nothing here can shadow a user's module."""
