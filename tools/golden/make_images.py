#!/usr/bin/env python3
"""Makes tests/data/images: small pictures in the formats people bring, and what PIL makes of resizing.

Usage: python3 tools/golden/make_images.py  (needs Pillow and numpy; made with Pillow 13.0)
"""
import io
import pathlib
import struct

import numpy as np
from PIL import Image, ImageCms, ImageFilter

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "images"


def quadrants(w=48, h=32):
    """Red, green / blue, white: survives JPEG and shows every rotation."""
    a = np.zeros((h, w, 3), np.uint8)
    a[: h // 2, : w // 2] = (200, 30, 30)
    a[: h // 2, w // 2 :] = (30, 200, 30)
    a[h // 2 :, : w // 2] = (30, 30, 200)
    a[h // 2 :, w // 2 :] = (230, 230, 230)
    return a


def formats():
    rgb = Image.fromarray(quadrants())
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = np.asarray(rgb)
        # the stored pixels that this orientation brings back to the upright picture
        undo = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
                5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, 1),
                7: lambda a: a[::-1, ::-1].transpose(1, 0, 2), 8: lambda a: np.rot90(a, -1)}[orientation]
        stored = Image.fromarray(np.ascontiguousarray(undo(turned)))
        stored.save(OUT / f"orientation-{orientation}.jpg", quality=95, subsampling=0, exif=exif)
    rgb.convert("CMYK").save(OUT / "cmyk.jpg", quality=95)
    rgb.save(OUT / "lossless.webp", lossless=True)
    rgb.save(OUT / "deflate.tif", compression="tiff_deflate")
    rgb.save(OUT / "palette.gif")
    rgb.quantize(4).save(OUT / "palette.png")
    try:
        rgb.save(OUT / "photo.avif", quality=90)
    except OSError:
        pass
    ramp = (np.arange(16 * 16, dtype=np.uint32).reshape(16, 16) * 257).astype(">u2")
    (OUT / "grey16.png").write_bytes(png(16, 16, 16, 0, ramp.tobytes()))
    rgb16 = np.repeat(ramp[:, :, None], 3, axis=2)
    rgb16[:, :, 1] = 0x8000
    (OUT / "rgb16.png").write_bytes(png(16, 16, 16, 2, np.ascontiguousarray(rgb16).tobytes()))
    la = np.zeros((8, 8, 2), np.uint8)
    la[:, :, 0] = 100
    la[:, :, 1] = np.arange(8) * 36
    Image.fromarray(la, "LA").save(OUT / "grey-alpha.png")
    mask = np.zeros((32, 48, 4), np.uint8)
    mask[8:24, 12:36, 3] = 255
    Image.fromarray(mask, "RGBA").save(OUT / "mask-in-alpha.png")
    # swaps nothing, but its colours are far from sRGB's: a linear-light profile
    profile = bytes(linear_profile())
    Image.new("RGB", (8, 8), (64, 128, 192)).save(OUT / "linear-profile.png", icc_profile=profile)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ramp8 = np.zeros((16, 16, 3), np.uint8)
    ramp8[:, :, 0] = np.arange(256).reshape(16, 16)
    ramp8[:, :, 2] = 255 - ramp8[:, :, 0]
    Image.fromarray(ramp8).save(OUT / "srgb-profile.png", icc_profile=srgb)


def linear_profile():
    """The sRGB profile with its three tone curves made linear (a curv tag with no entries)."""
    p = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for i in range(struct.unpack(">I", p[128:132])[0]):
        at = 132 + 12 * i
        if p[at : at + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            offset = struct.unpack(">I", p[at + 4 : at + 8])[0]
            p[offset : offset + 12] = b"curv" + bytes(8)
            p[at + 8 : at + 12] = struct.pack(">I", 12)
    return p


def png(w, h, depth, colour, raw):
    import zlib

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    row = len(raw) // h
    lines = b"".join(b"\0" + raw[i * row : (i + 1) * row] for i in range(h))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


def broken():
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))
    buf = io.BytesIO()
    noise.save(buf, "JPEG", quality=50)
    (OUT / "truncated.jpg").write_bytes(buf.getvalue()[: len(buf.getvalue()) // 2])
    buf = io.BytesIO()
    noise.resize((32, 32)).save(buf, "PNG")
    (OUT / "truncated.png").write_bytes(buf.getvalue()[: len(buf.getvalue()) // 2])
    damaged = bytearray(buf.getvalue())
    damaged[len(damaged) // 2] ^= 0x55
    (OUT / "damaged.png").write_bytes(damaged)
    (OUT / "text.jpg").write_text("this is a letter, not a picture\n")
    # a header that promises 30000 x 30000 pixels
    (OUT / "huge.png").write_bytes(png(30000, 30000, 8, 2, b"")[:33] + png(1, 1, 8, 2, b"\0\0\0")[33:])


def resizes():
    """Noise, the worst case for rounding, up and down, and PIL's answer, in one uncompressed file of records:
    channels, filter, in w, in h, out w, out h (bytes), input, output."""
    rng = np.random.default_rng(2)
    data = bytearray()
    sizes = [((31, 17), (12, 9)), ((13, 11), (40, 29)), ((40, 7), (9, 20)), ((16, 16), (16, 5)), ((16, 16), (7, 16)),
             ((1, 9), (5, 3)), ((64, 3), (1, 1))]
    floats = bytearray()
    filters = [[(0, Image.NEAREST), (1, Image.BILINEAR), (2, Image.LANCZOS)], [(5, Image.BICUBIC)]]
    for which, how, channels in [(*f, c) for some in filters for c in (3, 1) for f in some]:
        for (w, h), (ow, oh) in sizes:
            pixels = rng.integers(0, 256, (h, w, 3) if channels == 3 else (h, w), np.uint8)
            out = np.asarray(Image.fromarray(pixels).resize((ow, oh), how))
            head = bytes((channels, which, w, h, ow, oh)) + pixels.tobytes()
            data += head + out.tobytes()
            if which == 5:  # the same in mode "F", channel by channel
                planes = [Image.fromarray(c.astype(np.float32)) for c in np.moveaxis(pixels.reshape(h, w, channels), 2, 0)]
                floats += head + np.stack([np.asarray(f.resize((ow, oh), how)) for f in planes], 2).tobytes()
    (OUT / "resize.bin").write_bytes(data)
    (OUT / "resize-float.bin").write_bytes(floats)


def blurs():
    """The same for the Gaussian: channels, radius in tenths, w, h (bytes), input, output."""
    rng = np.random.default_rng(3)
    data = bytearray()
    for channels in (1, 3):
        for radius in (0.3, 1, 1.5, 2, 3, 5, 9, 20):
            for w, h in ((21, 13), (6, 30), (1, 9), (3, 1)):
                pixels = rng.integers(0, 256, (h, w, 3) if channels == 3 else (h, w), np.uint8)
                out = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))
                data += bytes((channels, round(10 * radius), w, h)) + pixels.tobytes() + out.tobytes()
    (OUT / "blur.bin").write_bytes(data)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    formats()
    broken()
    resizes()
    blurs()
