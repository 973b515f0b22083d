"""Incidents pushed to systems of others: signed, in order for each household, until each one has been taken."""
