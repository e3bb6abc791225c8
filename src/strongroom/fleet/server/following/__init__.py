"""Who speaks to the server beside hosts: the custodian, whose word counts, and the logs of gateways."""
