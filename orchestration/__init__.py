"""Ties the programs into a day: knows them as commands, imports none of them."""
