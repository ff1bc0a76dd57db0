"""One file a site. To add one: `python -m scraper.new_spider NAME URL`, or copy the spider that is nearest
in kind.
"""
