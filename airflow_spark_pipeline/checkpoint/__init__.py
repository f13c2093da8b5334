"""The memory: what is recorded of a run, and the rules by which it is written. ``stores`` has the places to keep it.

``state``     what one commit holds: the persisted format
``checksum``  what precedes it, so that no damage goes unnoticed
``decoding``, ``validation``, ``consistency``   reading it: nothing is believed that no writer can have written
``key``       the unit of work that a log belongs to, and the names of its directory and its runs
``claim``     the decision of a new attempt about what it found: resume, start over, report, stop
``log``       the protocol: numbered, exclusive, checked commits
``discard``   giving up a run, even if its commits cannot be read
"""
