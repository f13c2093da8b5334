"""What checkpoints cost and what a look-up costs, as ratios against a baseline that is measured in the same run.

``python -m benchmarks [NAME ...]`` prints its tables and writes them to ``benchmarks/RESULTS.md``. Absolute times
belong to the machine; the ratios are the result.
"""
