"""How long a video is, by its packets: its header may not say, or be wrong for a file that broke off.

Run by file name, in a process of its own (`config.apart` starts it), as FFmpeg
is large:

    python -I measuring.py SOURCE

prints the seconds, as a JSON number.  It imports nothing of the project.
"""

import contextlib
import json
import os
import resource
import sys

MEMORY = 2 * 2**30  # bytes of address space
TIME = 20  # seconds of processor time


def seconds(source):
    """From the first moment of the file at `source`, MP4 or WebM, to the end of its last packet, as a float."""
    import av

    with av.open(source, options={"protocol_whitelist": "file"}) as found:
        start = end = None
        for packet in found.demux(*found.streams.video, *found.streams.audio):
            if packet.pts is not None:
                first = packet.pts * packet.time_base
                last = first + (packet.duration or 0) * packet.time_base
                start = first if start is None else min(start, first)
                end = last if end is None else max(end, last)
    return float(end - start)


def main(source):
    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, TIME), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # a system that knows no such limit
            resource.setrlimit(limit, (most, most))
    os.write(sys.stdout.fileno(), json.dumps(seconds(source)).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
