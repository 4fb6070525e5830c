"""When people sit down: times of day in America/New_York, whose days are the days of the timeline."""

import datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")

# Name: the days (Monday is 0), and between which minutes of the day somebody begins to watch. None lies between
# two and three in the morning, an hour that some days do not have.
ALL_DAYS = range(7)
RHYTHMS = {
    "early": (ALL_DAYS, 5 * 60, 6 * 60 + 20),
    "abroad": (ALL_DAYS, 4 * 60 + 30, 9 * 60),  # lunch and afternoon, in Europe and Africa
    "morning": (ALL_DAYS, 8 * 60 + 30, 11 * 60),
    "lunch": (range(5), 12 * 60, 12 * 60 + 35),
    "afternoon": (ALL_DAYS, 15 * 60 + 30, 17 * 60 + 45),
    "late": (ALL_DAYS, 20 * 60 + 40, 22 * 60),
    "night": (ALL_DAYS, 3 * 60 + 10, 4 * 60 + 20),  # the quiet hours of a night shift
    "weekend": ((5, 6), 9 * 60, 16 * 60),
}
# After which minute of the day the instructors sit down to answer and to write, and for how many minutes.
OFFICE_HOURS = {"naomi": (18 * 60 + 30, 150), "henrik": (7 * 60 + 10, 100)}


def clock(day, minutes, seconds=0):
    """The moment of `day` at `minutes` after midnight by the wall clock, in UTC."""
    wall = datetime.datetime.combine(day, datetime.time(), ZONE) + datetime.timedelta(minutes=minutes, seconds=seconds)
    return wall.astimezone(datetime.UTC)


def at_time(day, text):
    """The moment of `day` at a time such as "23:49"."""
    hours, minutes = text.split(":")
    return clock(day, int(hours) * 60 + int(minutes))


def day_of(moment):
    return moment.astimezone(ZONE).date()


def sitting_down(rhythm, day, random):
    """When somebody of this rhythm begins to watch on `day`, or on the last day before it that suits them."""
    days, first, last = RHYTHMS[rhythm]
    while day.weekday() not in days:
        day -= datetime.timedelta(days=1)
    return clock(day, random.randint(first, last), random.randrange(60))


def writing(rhythm, day, random):
    """When they write a note on `day`: once they have closed the course."""
    _, _, last = RHYTHMS[rhythm]
    return clock(day, last + random.randint(40, 85), random.randrange(60))


def office_hour(instructor, day, random):
    first, length = OFFICE_HOURS[instructor]
    return clock(day, first + random.randrange(length), random.randrange(60))
