"""Other people's clients against a real gateway process, with a model server played behind it."""
