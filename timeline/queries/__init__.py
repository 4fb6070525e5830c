"""What the pages ask of the timeline.  Nothing else reads `Activity.objects`.

Each function names the index that answers it; `tests/test_queries.py` reads
the plans.  Lists are paged by keyset (`timeline.keyset`), counts over many
students stop at COUNT_LIMIT, and what entries refer to is fetched by
`with_places()` in a fixed number of queries.
"""

from timeline.queries.common import (
    BY_DAY,
    BY_MOMENT,
    BY_NAME,
    BY_SECOND,
    BY_TIME,
    COUNT_LIMIT,
    NEW_LIMIT,
    NEWEST,
    today,
)
from timeline.queries.community import applause, courses_of_community, fans, shared_stories
from timeline.queries.conversation import (
    SINCE_LIMIT,
    WEEKS,
    DaysFilter,
    FoundDays,
    answers_since,
    calendar,
    days_export,
    first_new,
    found_days,
    last_spoken,
    since_spoken,
    waiting_of_student,
)
from timeline.queries.courses import (
    beginning,
    class_size,
    courses_by_title,
    courses_of_student,
    everybody_of_course,
    open_courses,
    students_of_course,
)
from timeline.queries.days import (
    Day,
    day_counts,
    end_of_day,
    entry_with_id,
    has_begun,
    neighbouring_days,
    page_with,
    student_day,
    student_days,
)
from timeline.queries.export import journey_export
from timeline.queries.filters import JourneyFilter
from timeline.queries.goals import (
    LivedGoal,
    entries_moved,
    goal_move,
    goal_path,
    goal_timeline,
    lived_goals,
    planned_goals,
    week_of,
)
from timeline.queries.journey import Reached, reached, video_journey
from timeline.queries.live import new_since, newest_cursor
from timeline.queries.movement import WEEKS_ENTRIES, ClassSize, class_movement, silences
from timeline.queries.places import with_places
from timeline.queries.rosters import SORTS, RosterRow, roster, roster_neighbours
from timeline.queries.statements import Telling, Told, Watched, count_students, statement_pages
from timeline.queries.story import PAGE, PRINTED, goal_story, story_entries, story_tells, whole_story
from timeline.queries.track import (
    ENTRIES_OF_A_SLOT,
    LANDMARKS,
    MARKER_LIMIT,
    SLOTS,
    Landmark,
    Marker,
    landmarks,
    markers,
    totals,
)
from timeline.queries.waiting import (
    ALONE_LIMIT,
    INBOX_COURSES,
    WAITING_LIMIT,
    Inbox,
    awaiting_response_counts,
    awaiting_response_in_videos,
    awaiting_response_of_teachers,
    awaiting_response_on_no_video,
    entries_of_reflections,
    inbox,
    moment,
    moments_of_video,
)
from timeline.queries.watchers import Audience, Stop, audience, watched_by
from timeline.queries.words import entry_id_of_words, entry_of_words, hidden_words, with_entry_ids
