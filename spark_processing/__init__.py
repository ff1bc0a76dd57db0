"""Raw horoscopes come in, texts worth learning from go out, every row is accounted for. Run: `python -m
spark_processing.clean_job`."""
