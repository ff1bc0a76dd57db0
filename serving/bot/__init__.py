"""The Telegram bot: reads published days, remembers a sign for each chat, delivers every morning, never
twice.
"""
