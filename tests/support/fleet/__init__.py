"""A fleet's server in this process, hosts with real keys, and a clock that tests move."""
