"""HOCON by its specification: pyhocon parses; merging and substituting are done here."""
