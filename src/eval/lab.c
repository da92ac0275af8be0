#include "eval/lab.h"

#include <math.h>

static const float white[3] = {0.95047f, 1.0f, 1.08883f};

static float linear(float v)
{
    return v <= 0.04045f ? v / 12.92f : powf((v + 0.055f) / 1.055f, 2.4f);
}

static float lab_f(float t)
{
    return t > 0.008856452f ? cbrtf(t) : t / 0.12841855f + 4.0f / 29;
}

static float lab_f_inverse(float t)
{
    return t > 6.0f / 29 ? t * t * t : 0.12841855f * (t - 4.0f / 29);
}

dr_lab dr_lab_of(const uint8_t rgb[3])
{
    float r = linear((float)rgb[0] / 255), g = linear((float)rgb[1] / 255), b = linear((float)rgb[2] / 255);
    float x = lab_f((0.4124564f * r + 0.3575761f * g + 0.1804375f * b) / white[0]);
    float y = lab_f((0.2126729f * r + 0.7151522f * g + 0.0721750f * b) / white[1]);
    float z = lab_f((0.0193339f * r + 0.1191920f * g + 0.9503041f * b) / white[2]);
    return (dr_lab){116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

static uint8_t companded(float v)
{
    v = v <= 0.0031308f ? 12.92f * v : 1.055f * powf(v, 1 / 2.4f) - 0.055f;
    return (uint8_t)lrintf(255 * fminf(fmaxf(v, 0), 1));
}

void dr_lab_to_rgb(dr_lab c, uint8_t rgb[3])
{
    float y = (c.L + 16) / 116;
    float X = white[0] * lab_f_inverse(y + c.a / 500), Y = white[1] * lab_f_inverse(y),
          Z = white[2] * lab_f_inverse(y - c.b / 200);
    rgb[0] = companded(3.2404542f * X - 1.5371385f * Y - 0.4985314f * Z);
    rgb[1] = companded(-0.9692660f * X + 1.8760108f * Y + 0.0415560f * Z);
    rgb[2] = companded(0.0556434f * X - 0.2040259f * Y + 1.0572252f * Z);
}

float dr_lab_distance(dr_lab a, dr_lab b)
{
    return sqrtf((a.L - b.L) * (a.L - b.L) + (a.a - b.a) * (a.a - b.a) + (a.b - b.b) * (a.b - b.b));
}
