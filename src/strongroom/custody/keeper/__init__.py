"""The keeper of a replica: on a machine of its own, it lets go there what it saw for long enough that nothing needs.

It decrypts nothing, has a key and a record of its own, and believes the custodian no more than an executor its judge.
"""
