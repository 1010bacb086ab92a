"""Dashboards: charts of the signals of live traffic, those that are built in and those that people keep."""
