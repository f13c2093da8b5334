"""Checkpoints: the recorded state of a run, and the rules for writing it. ``stores`` has the back ends.

``state``     the content of one commit: the persisted format
``checksum``  the checksum in front of the content, which makes damage visible
``decoding``, ``validation``, ``consistency``   reading a commit: rejects anything that no writer can have written
``key``       the unit of work that a log belongs to, and the names of its directory and its runs
``claim``     the decision of a new attempt: resume, start over, report, stop
``log``       the protocol: numbered, exclusive, checked commits
``discard``   discarding a run, even if its commits cannot be read
"""
