"""HOCON as its specification has it: pyhocon parses, merging and substituting are done here."""
