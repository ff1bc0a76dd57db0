"""Collect horoscopes: sites or an archive come in, CSV parts and a manifest under `raw/` go out. See
`scraper.collect`.
"""

__version__ = "0.1.0"
