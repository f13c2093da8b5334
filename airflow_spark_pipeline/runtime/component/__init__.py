"""Components: the base class that users extend, and the code that loads them."""
