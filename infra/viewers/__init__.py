"""What viewers see: Grafana dashboards as code. Made by `python -m infra.viewers.generate`, checked in as JSON."""
