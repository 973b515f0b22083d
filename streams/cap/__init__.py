"""The Common Alerting Protocol, version 1.2 (OASIS, 2010): read from XML, and written."""
