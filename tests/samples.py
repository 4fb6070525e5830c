"""Small real files, as cameras, recorders and browsers make them, for the tests of what people upload."""

import functools
import io
import math
import struct
import zipfile
import zlib

import av
from PIL import Image

# How each container is written: (format, codec, options).  As browsers' recorders do, where a browser makes it.
RECORDERS = {
    "webm": ("webm", "libopus", {"live": "1"}),  # Chrome and Firefox: without a length, not seekable
    "mp4": ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),  # Safari: in fragments
    "m4a": ("ipod", "aac", {}),  # a telephone's recorder
    "ogg": ("ogg", "libopus", {}),
    "mp3": ("mp3", "libmp3lame", {}),
    "wav": ("wav", "pcm_s16le", {}),
}


@functools.cache
def recording(container="webm", seconds=1.0, codec=None, rate=48_000, title="", video=False):
    """The bytes of a recording of a quiet tone; with `video` it is one."""
    format, usual, options = RECORDERS[container]
    file = io.BytesIO()
    with av.open(file, "w", format=format, options=options) as written:
        if title:
            written.metadata.update(title=title, location="+40.7128-074.0060/")
        sound = written.add_stream(codec or usual, rate=rate, layout="mono")
        moving = video and written.add_stream("libvpx" if container == "webm" else "mpeg4", rate=1)
        if moving:
            moving.width, moving.height, moving.pix_fmt = 32, 32, "yuv420p"
            for packet in moving.encode(av.VideoFrame(32, 32, "yuv420p")):
                written.mux(packet)
        samples = int(seconds * rate)
        tone = struct.pack(
            f"<{samples}h", *(int(3000 * math.sin(n * 2 * math.pi * 440 / rate)) for n in range(samples))
        )
        frame = av.AudioFrame("s16", "mono", samples)
        frame.sample_rate, frame.pts = rate, 0
        if samples:
            frame.planes[0].update(tone)
        for each in (frame, None) if samples else ():
            for packet in sound.encode(each):
                written.mux(packet)
        for packet in moving.encode(None) if moving else ():
            written.mux(packet)
    return file.getvalue()


def length(content):
    """Seconds of a recording, as the container's own head says, or None."""
    with av.open(io.BytesIO(content)) as found:
        return found.duration and found.duration / av.time_base


def picture(kind="PNG", size=(40, 30), colour=(200, 40, 40), mode="RGB", **options):
    """The bytes of a picture whose left half is `colour` and whose right half is white."""
    image = Image.new("RGB", size, "white")
    image.paste(colour, (0, 0, size[0] // 2, size[1]))
    file = io.BytesIO()
    image.convert(mode).save(file, kind, **options)
    return file.getvalue()


def pdf(text="Paid in full"):
    """The bytes of a PDF of one page."""
    stream = f"BT /F1 24 Tf 40 120 Td ({text}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    content, places = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return content + b"xref\n0 6\n0000000000 65535 f \n%strailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        table,
        len(content),
    )


def office(kind="wordprocessingml.document", **more):
    """The bytes of an Office document as far as one tells by its parts; `more`: others, by name."""
    main = f"application/vnd.openxmlformats-officedocument.{kind}.main+xml"
    types = f'<Types><Override PartName="/main.xml" ContentType="{main}"/></Types>'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"[Content_Types].xml": types, "main.xml": "<p>Paid</p>", **more}.items():
            archive.writestr(name, content)
    return file.getvalue()


def bomb(width, height):
    """A PNG that says that it is so large, and has next to nothing in it."""
    good = picture()
    head = b"IHDR" + struct.pack(">II", width, height) + good[24:29]
    return good[:12] + head + zlib.crc32(head).to_bytes(4, "big") + good[33:]


def opened(content):
    """A picture's bytes as an Image, decoded."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image
