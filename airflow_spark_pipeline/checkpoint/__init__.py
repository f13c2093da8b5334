"""The memory: what is recorded of a run, where it lies, and the rules by which it is written.

``state``     what one commit holds: the persisted format
``seal``      the checksum in front of it
``decoding``, ``validation``, ``agreement``   reading it: nothing is believed that no writer can have written
``key``       the unit of work that a log belongs to, and the names of its directory and its runs
``store``     what a place to keep objects must be able to do
``local_store``, ``fsspec_store``, ``hadoop_store``, ``webhdfs_store``   the places that exist
``locations`` which of them a location names, and by what this process reaches it
``claim``     the decision of a new attempt about what it found: carry on, start over, report, stop
``log``       the protocol: numbered, exclusive, checked commits
``discarding``  whose a run is whose commits cannot be read
"""
