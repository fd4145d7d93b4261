"""The same promises at full traffic.

Locust makes the users, in a process of its own, because importing it patches every socket. The fakes, the target and
the weather stay in this one:

    profile --users over time--> LOCUST --calls--> TARGET <--wire--> FAKES <--weather over time-- profile
                                   |                                   |
                                   +-- calls, by a socket --> LEDGER <-+-- exchanges

    profile.py      users over time and weather over time: data, found in `scenarios/load`
    locustfile.py   the users; the only module that imports Locust
    crowd.py        who the users are, and what they say
    http_caller.py  how a user calls a service: directly
    wire.py         what the two processes tell each other
    desk.py         this side of that: makes the calls to targets that are no services, and takes in what came of all
    swarm.py        starts Locust and ends it
    ledger.py       both sides of the history: whole on disk, slim in memory
    rows.py         what is judged: gates over the whole run, and the invariants that hold for every call
    judging.py      from a ledger to verdicts
    curves.py       from a ledger to figures and curves
    run.py          one load run

All times are of the one monotonic clock of the machine, so a user's and a fake's can be compared as they are.
"""
