#!/usr/bin/env python3
"""Makes data/font/label.png and label.json: the letters that contact sheets are labelled with, drawn once, so that no
machine needs a font.

    tools/make_label_font.py Roboto-Regular.ttf data/font

Needs Pillow. Roboto is by Google, Apache License 2.0 (Debian: fonts-roboto-unhinted).
"""
import json
import pathlib
import sys

from PIL import Image, ImageDraw, ImageFont

SIZE = 36  # pixels of the em; labels are drawn at this size or smaller
COLUMNS = 24
PAD = 2  # a glyph may reach out of its advance
CODES = [*range(0x20, 0x7F), *range(0xA0, 0x180), *(ord(c) for c in "–—‘’“”„•…‹›€™−≤≥≈")]


def main():
    font = ImageFont.truetype(sys.argv[1], SIZE)
    out = pathlib.Path(sys.argv[2])
    ascent, descent = font.getmetrics()
    missing = bytes(font.getmask("\uffff"))
    codes = [c for c in CODES if bytes(font.getmask(chr(c))) != missing]
    width = max(int(font.getlength(chr(c))) for c in codes) + 2 * PAD + 1
    height = ascent + descent
    rows = -(-len(codes) // COLUMNS)
    sheet = Image.new("L", (COLUMNS * width, rows * height), 0)
    draw = ImageDraw.Draw(sheet)
    glyphs = []
    for i, code in enumerate(codes):
        draw.text((i % COLUMNS * width + PAD, i // COLUMNS * height), chr(code), font=font, fill=255)
        glyphs.append([code, round(font.getlength(chr(code)), 2)])
    sheet.save(out / "label.png", optimize=True)
    with open(out / "label.json", "w", encoding="ascii") as f:
        json.dump({"size": SIZE, "ascent": ascent, "width": width, "height": height, "columns": COLUMNS, "pad": PAD,
                   "glyphs": glyphs}, f, separators=(",", ":"))
        f.write("\n")


main()
