"""Faults as a habit: a day of work on a stack of its own, whose parts are killed and started again meanwhile.

    make chaos ARGS="--minutes 3 --seed 7"

`world` makes the people and places, `day` is what they do, over HTTP alone, `stack` runs the servers and processes,
`faults` kills them, `figures` reads what is in the books afterwards, and `__main__` compares a day with faults to the
same day without. Nothing of it is in the production image.
"""
