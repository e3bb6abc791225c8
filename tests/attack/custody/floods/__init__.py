"""Who makes the custodian work for little: floods that are small for their sender."""
