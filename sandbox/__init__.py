"""What lives inside the wall: the judge, the zygote and the candidate-side runners.

Only the standard library and g++ are used here, because nothing else is bound into the wall.
Who trusts whom::

    host engine ── frames ──> judge (driver; holds tests and expected values)
                                │ spawn / reap, descriptors
                                v
                              zygote (pid 1 of an inner pid namespace; holds no secrets)
                                │ fork per program
                                v
                              candidate (no capabilities, system-call filter, rlimits)

For ``pytest`` modules and ``googletest`` tests that look at plain data alone there is one process
more, beside the judge and with another user: it holds the tests of one question, and the candidate
is a function server that it asks over a socket (:mod:`sandbox.beside`).

The judge is in the parent pid namespace of the candidate and shares no memory with it: the
zygote is forked before the judge has read any job.
"""
