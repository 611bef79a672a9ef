"""The decision: pure Python, standard library only. It reads no clock and no database; it is given everything."""
