"""Does the custodian say to its fleet what it knows, once, and all of it?"""
