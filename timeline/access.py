"""Who may see whose timeline (docs/architecture.md, "Who sees what").

A view takes its object from one of these querysets of what `user` may see, so
that what they may not see does not exist for them: 404.
"""

from django.db.models import Exists, OuterRef

from courses.access import videos_watchable, visible_among, visible_students
from courses.models import Course, Video
from goals.models import GoalMessage
from profiles.writing import written_by
from reflections.access import answerable_reflections


def courses_taught(user):
    """The courses whose journeys and waiting reflections `user` sees: their own; all of them for staff."""
    return Course.objects.all() if user.is_staff else Course.objects.filter(instructors=user)


def videos_taught(user):
    """The videos whose journeys `user` sees."""
    videos = Video.objects.select_related("lesson__course")
    return videos if user.is_staff else videos.filter(lesson__course__instructors=user)


def mark_visible(user, entries):
    """Set each entry's `leads_to_student`: whether `user` may see its student's pages; at most one query.

    Somebody may have watched a video without being enrolled in its course.
    """
    visible = visible_among(user, {entry.student_id for entry in entries})
    for entry in entries:
        entry.leads_to_student = entry.student_id in visible
    return entries


def mark_answerable(user, entries, *, in_video_taught=False):
    """Set each entry's `answerable`: whether `user` may answer it, or edit its answer; at most two queries.

    Nobody answers themself: `waits_for_others` says of an entry of `user` that it waits for others to answer.
    `in_video_taught`: all are in one of videos_taught(), where `user` answers everybody else.
    """
    asked = [entry for entry in entries if entry.requires_response and entry.student_id != user.pk]
    answerable = {entry.source_id for entry in asked if in_video_taught or entry.video_id}
    if not in_video_taught:
        # Of those without a video, by their students: from a list, PostgreSQL would read everybody who is taught.
        answerable = set(answerable_reflections(user).filter(pk__in=answerable).values_list("pk", flat=True))
        alone = [entry for entry in asked if not entry.video_id]
        visible = visible_among(user, {entry.student_id for entry in alone})
        answerable |= {entry.source_id for entry in alone if entry.student_id in visible}
    for entry in entries:
        entry.answerable = entry.source_id in answerable
        entry.waits_for_others = entry.response_status == "pending" and entry.student_id == user.pk
    return entries


def mark_watchable(user, entries):
    """Set `watchable` in each entry of the user's own words (timeline.reading): whether they may still watch its video.

    Those who left the course may not, nor if the video was moved to another course.  At most one query.
    """
    videos = {entry.video_id for entry in entries if entry.is_own} - {None}
    found = set(videos_watchable(user).filter(pk__in=videos).values_list("pk", flat=True)) if videos else ()
    for entry in entries:
        entry.watchable = entry.is_own and entry.video_id in found
    return entries


def own_writings(user, model):
    """The rows of a Writing whose words are `user`'s, to be edited, hidden and brought back; hidden ones too.

    Of messages, only those to people whom they still see.
    """
    own = written_by(model, user)
    if model is not GoalMessage or user.is_staff:
        return own
    return own.filter(Exists(visible_students(user).filter(pk=OuterRef("student"))))
