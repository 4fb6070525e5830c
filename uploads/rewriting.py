"""Write an uploaded picture or recording anew, without anything else that was in the file; identify a document.

Run by file name, in a process of its own (`uploads.checks` starts it): the
libraries that take such files apart are large, and a file made to crash them, to
keep them busy or to fill the memory ends this process and nothing else.

    python -I rewriting.py CONTAINER SOURCE TARGET

prints {"content_type": …, …} and has written TARGET, or prints {"refused": a
sentence for the person}.  It imports nothing of the project.
"""

import contextlib
import io
import json
import os
import re
import resource
import shutil
import sys
import zipfile

LONGEST = 300  # seconds of a recording
LATE = 5  # seconds more, for a recorder that stopped late
SIDE = 2560  # pixels of a picture's longer side, as it is kept
PIXELS = 64_000_000  # of a picture, as it comes
LOSSLESS = 1_000_000  # bytes up to which a picture that was not a JPEG is kept exactly

MEMORY = 2 * 2**30  # bytes of address space
TIME = 20  # seconds of processor time

# A browser plays each of these; {codec: name in FFmpeg} of what may be inside.
OPUS, VORBIS, AAC, MP3 = "opus", "vorbis", "aac", "mp3"
PCM = ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le")
RECORDINGS = {  # container: (its reader, its writer, content type, codecs)
    "webm": ("matroska", "webm", "audio/webm", (OPUS, VORBIS)),
    "ogg": ("ogg", "ogg", "audio/ogg", (OPUS, VORBIS)),
    "mp4": ("mov", "ipod", "audio/mp4", (AAC,)),
    "mp3": ("mp3", "mp3", "audio/mpeg", (MP3,)),
    "wav": ("wav", "wav", "audio/wav", PCM),
}
# Only looked at and kept as they are, for others to save: nothing of ours shows them.
DOCUMENTS = ("pdf", "zip")
OFFICE = "application/vnd.openxmlformats-officedocument."
MAIN = re.compile(  # what an Office document says that it is
    re.escape(OFFICE.encode())
    + rb"(wordprocessingml\.document|spreadsheetml\.sheet|presentationml\.presentation)\.main\+xml"
)
PICTURES = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "gif": "GIF"}


class Refused(Exception):
    """What the person is told."""


def rewrite(container, source, target):
    """Write the file `source` to `target` anew.

    Args:
        container: a key of RECORDINGS or PICTURES or one of DOCUMENTS, as the file's first bytes say.
        source, target: paths.

    Returns:
        What an Upload says of its file: content_type, and duration_seconds or width and height.

    Raises:
        Refused: it cannot be taken, and why.  Anything else: it is broken.
    """
    if container in RECORDINGS:
        return rewrite_recording(container, source, target)
    if container in DOCUMENTS:
        content_type = of_pdf(source) if container == "pdf" else of_office(source)
        shutil.copyfile(source, target)
        return {"content_type": content_type}
    return rewrite_picture(container, source, target)


def rewrite_recording(container, source, target):
    """The packets of the one sound as they are, in a new container: with its length, and where to find each second."""
    import av

    reader, writer, content_type, codecs = RECORDINGS[container]
    if container == "mp4":
        drop_repeated_heads(source)
    start, seconds, heard = None, 0, False
    with av.open(source, format=reader, options={"protocol_whitelist": "file"}) as found:
        if any(not stream.disposition & stream.disposition.attached_pic for stream in found.streams.video):
            raise Refused("That is a video. Choose a picture or a recording of sound alone.")
        if not found.streams.audio:
            raise Refused("There is no sound in this file.")
        sound = found.streams.audio[0]
        codec = sound.codec_context.codec.canonical_name
        if codec not in codecs:
            raise Refused(
                f"The sound is in a form that not every browser plays ({codec}). Save it as M4A or MP3 and try again."
            )
        options = {"avoid_negative_ts": "make_zero"} | ({"movflags": "+faststart"} if writer == "ipod" else {})
        with av.open(target, "w", format=writer, options=options) as written:
            stream = written.add_stream_from_template(sound)
            for packet in found.demux(sound):
                if packet.pts is None or packet.dts is None:
                    continue
                start = packet.pts if start is None else start
                seconds = max(seconds, (packet.pts + (packet.duration or 0) - start) * sound.time_base)
                if seconds >= LONGEST + LATE:
                    raise Refused(f"The recording is longer than {LONGEST // 60} minutes. Make it shorter or send two.")
                with contextlib.suppress(av.error.FFmpegError):  # a damaged packet among good ones
                    heard = bool(packet.decode()) or heard
                packet.stream = stream
                written.mux(packet)
        if not heard:
            raise Refused("There is no sound in this recording. Record it again.")
    return {"content_type": content_type, "duration_seconds": max(round(seconds), 1)}


def drop_repeated_heads(source):
    """WebKitGTK's recorder (by GStreamer 1.22) writes the head of a file's last fragment twice: the second one counts.

    Where its sound lies is told from where the head stands, so that the first one's is noise.
    """
    with open(source, "rb+") as file:
        content = file.read()
        place, before = 0, None
        while place + 8 <= len(content):
            size, kind = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
            if size < 8:  # to the end, or larger than a recording
                return
            box = content[place : place + size]
            if kind == b"moof" and box == before:
                file.seek(place)
                file.write(content[place + size :])
                file.truncate()
                return
            before, place = box, place + size


def rewrite_picture(container, source, target):
    """The picture (of several the first), upright, in sRGB, no larger than SIDE, as WebP, and nothing beside it."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # asked below, in our words
    with Image.open(source, formats=[PICTURES[container]]) as image:
        width, height = image.size
        if width * height > PIXELS:
            raise Refused(
                f"The picture has {width:,} by {height:,} pixels; at most {PIXELS // 10**6} million can be taken. "
                "Make it smaller and try again."
            )
        image.draft(None, (SIDE, SIDE))  # a large JPEG need not be decoded in full
        image.load()
        image = in_srgb(ImageOps.exif_transpose(image))
    image.thumbnail((SIDE, SIDE))
    image.info.clear()
    content = None if container == "jpeg" else as_webp(image, lossless=True, quality=40, method=1)
    if content is None or len(content) > LOSSLESS:
        content = min(filter(None, (content, as_webp(image, quality=84))), key=len)
    with open(target, "wb") as file:
        file.write(content)
    return {"content_type": "image/webp", "width": image.width, "height": image.height}


def of_pdf(source):
    """Its content type, if it has an end that says where its table of objects is (ISO 32000-1, 7.5.5)."""
    with open(source, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 2048, 0))
        end = re.search(rb"startxref\s+(\d{1,12})\s+%%EOF", file.read())
    if end is None or int(end[1]) >= size:
        raise ValueError("a PDF without an end")
    return "application/pdf"


def of_office(source):
    """The content type of an Office document (ECMA-376) whose every part can be read, without macros."""
    with zipfile.ZipFile(source) as archive:
        names = archive.namelist()
        told = b""
        if "[Content_Types].xml" in names:
            with archive.open("[Content_Types].xml") as part:
                told = part.read(2**20)
        if b".macroEnabled." in told or any(name.lower().endswith("vbaproject.bin") for name in names):
            raise Refused("There are macros in this document. Save it without them, or as PDF, and try again.")
        main = MAIN.search(told)
        if main is None:
            raise Refused("This is no Word, Excel or PowerPoint document. Save it as PDF and try again.")
        if damaged := archive.testzip():
            raise ValueError(damaged)
    return OFFICE + main[1].decode()


def as_webp(image, **options):
    content = io.BytesIO()
    image.save(content, "WEBP", **options)
    return content.getvalue()


def in_srgb(image):
    """`image` as RGB or RGBA in the colours that are shown where no profile says otherwise."""
    from PIL import ImageCms

    mode = "RGBA" if image.has_transparency_data else "RGB"
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):  # of sixteen bits a pixel the upper eight
        image = image.point(lambda value: value / 256).convert("L")
    elif image.mode in ("P", "PA", "LA", "1", "I", "F"):
        image = image.convert(mode)
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        with contextlib.suppress(ImageCms.PyCMSError, OSError):  # a profile that is broken, or of other colours
            image = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGBA" if image.mode == "RGBA" else "RGB",
            )
    return image.convert(mode)


def main(container, source, target):
    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, TIME), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # a system that knows no such limit
            resource.setrlimit(limit, (most, most))
    try:
        found = rewrite(container, source, target)
    except Refused as refused:
        found = {"refused": str(refused)}
    os.write(sys.stdout.fileno(), json.dumps(found).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
