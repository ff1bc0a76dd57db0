"""What every item goes through, one step a file, in the order that scraper.settings gives."""
