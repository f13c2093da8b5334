"""The loop over the components, and what belongs to one try of one of them."""
