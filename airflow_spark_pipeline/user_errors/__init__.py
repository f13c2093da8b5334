"""The text of errors that user code raises."""
