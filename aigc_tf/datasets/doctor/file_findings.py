"""What the doctor says of single files: which cannot be read, what is special about others, what else lies there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from aigc_tf.datasets.doctor.finding import Finding, Severity
from aigc_tf.datasets.doctor.scan import LARGE, SMALLEST
from aigc_tf.datasets.doctor.survey import Survey
from aigc_tf.datasets.image_reader import MOST_PIXELS, SUFFIXES

BAD_SHARE = 0.01  # of unreadable files; with more, something happened to all of them
_UNSUPPORTED = {
    *(".avif", ".heic", ".heif", ".jxl", ".jp2", ".svg", ".psd", ".xcf", ".tga", ".ico", ".eps", ".ppm", ".pgm"),
    *(".dng", ".nef", ".cr2", ".cr3", ".arw", ".raf", ".orf", ".rw2", ".exr", ".hdr", ".jfif"),
}

# Why a file cannot be read (image_reader.Fault): kind, what, advice.
_FAULTS = {
    "gone": ("vanished", "not there when it was to be read (a link to nowhere?)", "put it back, or take the link away"),
    "closed": ("unreadable", "not readable for us", "change its permissions (chmod u+r), or look after the disk"),
    "empty": ("empty", "without a single byte", "get it again, or take it away"),
    "no image": ("no image", "called an image, and none of the kinds that are read", "convert it, or take it away"),
    "truncated": ("truncated", "cut short", "get it again: a download or a copy broke off"),
    "damaged": ("damaged", "damaged", "get it again, or take it away"),
    "odd pixels": ("odd pixels", "of 32 bits, floats or another colour space", "convert it to 8 bits of grey or RGB"),
    "bomb": ("too many pixels", f"of more than {MOST_PIXELS:,} pixels, not unpacked", "make it smaller, or cut it up"),
}
# What is special about a file that can be read (Facts.marks): kind and mark, severity, what, advice, mended.
_MARKS: dict[str, tuple[Severity, str, str, bool]] = {
    "tiny": (
        "warning",
        f"less than {SMALLEST} pixels high or wide",
        "take it away: there is nothing to learn from",
        True,
    ),
    "blank": ("warning", "one single colour", "take it away, unless it belongs there", True),
    "misnamed": (
        "warning",
        "named for another kind of file than it is",
        "rename it: files are found by their endings",
        True,
    ),
    "huge": (
        "warning",
        f"of more than {LARGE:,} pixels",
        "make it smaller: reading it takes longer than learning",
        False,
    ),
    "animated": (
        "note",
        "with several frames or pages",
        "only the first is read; take the others out if they matter",
        True,
    ),
    "16 bits": ("note", "of 16 bits a channel", "the upper 8 are read", True),
    "cmyk": (
        "note",
        "in colours for print (CMYK)",
        "converted without a colour profile: look whether they please",
        True,
    ),
    "palette": ("note", "of at most 256 colours", "read as colours; steps in smooth areas will be learned", False),
    "transparent": ("note", "transparent in places", "laid on white; with --mode alpha transparency is learned", True),
    "turned": ("note", "turned by their EXIF", "read upright, as viewers show it", True),
}


def of_images(survey: Survey) -> Iterator[Finding]:
    bad = tuple(facts.name for facts in survey.facts if facts.fault)
    share = len(bad) / len(survey.facts)
    if share > BAD_SHARE:
        yield Finding(
            "many bad files",
            "stop",
            f"{share:.1%} of the image files cannot be read: more than {BAD_SHARE:.0%}",
            bad,
            "find out what happened to them before you train on the rest",
        )
    for fault, (kind, what, advice) in _FAULTS.items():
        if names := tuple(facts.name for facts in survey.facts if facts.fault == fault):
            yield Finding(kind, "warning", what, names, advice)
    for mark, (severity, what, advice, mended) in _MARKS.items():
        if mark == "transparent" and survey.mode == "alpha":
            continue
        if names := tuple(facts.name for facts in survey.facts if mark in facts.marks):
            yield Finding(mark, severity, what, names, advice, mended)


def of_others(survey: Survey) -> Iterator[Finding]:
    def of_ending(known: bool) -> tuple[str, ...]:
        return tuple(name for name in survey.others if (PurePath(name).suffix.lower() in _UNSUPPORTED) == known)

    files = survey.files
    if closed := tuple(files.closed):
        yield Finding("closed folder", "warning", "folders that cannot be listed", closed, "change their permissions")
    if files.linked_folders:
        what = "links to folders, which are not entered"
        yield Finding(
            "linked folder", "warning", what, files.linked_folders, "copy the folder here, if it belongs to the set"
        )
    if links := tuple(sorted(files.links_out)):
        what, advice = (
            "links to files outside of the folder, which are read",
            "copy the files here: a set holds its images",
        )
        yield Finding("link out", "warning", what, links, advice)
    if images := of_ending(True):
        yield Finding(
            "other kind of image", "warning", "images of kinds that are not read", images, "convert them to PNG"
        )
    if files.no_files:
        yield Finding("no file", "note", "pipes, sockets or devices", files.no_files, "nothing: they are not opened")
    folders = {
        "/".join(parts[:end]) for name in files.images if len(parts := name.split("/")) for end in range(1, len(parts))
    }
    if called := tuple(sorted(folder for folder in folders if PurePath(folder).suffix.lower() in SUFFIXES)):
        yield Finding(
            "folder like a file", "note", "folders that are called like images", called, "nothing: they are entered"
        )
    if others := of_ending(False):
        endings = sorted({PurePath(name).suffix.lower() or "no ending" for name in others})
        yield Finding(
            "other file", "note", f"no images: {', '.join(endings[:8])}", others, "nothing: they are passed over"
        )
