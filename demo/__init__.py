"""A stand-in for the outside world: horoscope sites on loopback, with texts from a grammar of our own."""
