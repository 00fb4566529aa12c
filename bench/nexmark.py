"""Persons and auctions as Nexmark's generator makes them: of 50 events one is a person, three are auctions (the 46 bids
are left out), at 10,000 events a second of event time. Nine auctions of ten have a hot seller, the last person whose id
is a multiple of 100; the others one of the last thousand persons. The same number of rows, the same bytes."""

import datetime
import os
import random

START = datetime.datetime(2025, 1, 1)
EVENTS_PER_SECOND = 10_000
FILES = 50


def write(folder, rows):
    """Writes `rows` persons and auctions together as JSON lines to `folder`/person and `folder`/auction."""
    numbers = random.Random(7)
    epochs = rows // 4
    for kind in ("person", "auction"):
        os.makedirs(f"{folder}/{kind}", exist_ok=True)
    for file in range(FILES):
        with open(f"{folder}/person/{file:03}.json", "w") as persons, open(
            f"{folder}/auction/{file:03}.json", "w"
        ) as auctions:
            for epoch in range(file * epochs // FILES, (file + 1) * epochs // FILES):
                persons.write(
                    f'{{"id":{epoch},"name":"name{epoch}","city":"city{epoch % 97}","dateTime":"{at(epoch * 50)}"}}\n'
                )
                for of_epoch in range(3):
                    hot = numbers.random() < 0.9
                    seller = epoch // 100 * 100 if hot else max(0, epoch - numbers.randrange(1000))
                    number = epoch * 3 + of_epoch
                    auctions.write(
                        f'{{"id":{number},"itemName":"item{number % 1009}","initialBid":{numbers.randrange(1, 1000)},'
                        f'"seller":{seller},"category":{numbers.randrange(10, 15)},'
                        f'"dateTime":"{at(epoch * 50 + 1 + of_epoch)}"}}\n'
                    )


def at(event):
    """The event time of an event, in whole milliseconds."""
    time = START + datetime.timedelta(milliseconds=event * 1000 // EVENTS_PER_SECOND)
    return f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03}"
