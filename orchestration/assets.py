"""What the DAGs hand on to one another: each asset's event carries the day it is about as `extra["day"]`."""

from airflow.sdk import Asset

RAW = Asset(name="raw", uri="horoscope://raw")
PROCESSED = Asset(name="processed", uri="horoscope://processed")
CANDIDATE = Asset(name="candidate", uri="horoscope://candidate")
CHAMPION = Asset(name="champion", uri="horoscope://champion")
PUBLISHED = Asset(name="published", uri="horoscope://published")
