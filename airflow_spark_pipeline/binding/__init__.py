"""From plain values to typed objects: component configs and their annotations."""
