"""Airflow operators of this project."""
