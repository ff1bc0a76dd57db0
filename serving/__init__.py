"""Publishes a day of horoscopes and gives it to readers: files, HTTP API, web page, Telegram bot."""
