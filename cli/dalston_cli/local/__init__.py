"""Local mode: the whole system in one process on one machine, with no server.

``session`` composes it: ``database`` keeps jobs in SQLite, ``local_cluster`` runs rounds on
``worker_pool``, the operator's ``reconcile`` decides, ``job_lock`` says which command owns a job.
"""
