/* The two transforms of tiles.py, one pass over memory each.

   Compiled with P and Q: the points of interpolation are 0, P, -P, Q, -Q and infinity; and with KIND, FLOAT32 or
   BFLOAT16: as what numbers are stored. All sums are float32. Images are (batch, height, width, channels), spectra 36
   planes of (tiles, channels); channels are a multiple of LANES. */

#include <stdint.h>
#include <string.h>

#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8 /* wider than the registers, a vector takes three times as long, to compile and to compute */
#endif
#define TILE 4
#define WINDOW 6
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t flags __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES)));

typedef enum { FLOAT32, BFLOAT16 } kind;

static const float PP = P * P, QQ = Q * Q;

INLINE vec load(const void *numbers, long place, kind k) {
    vec v;
    halves h;
    if (k == FLOAT32) {
        memcpy(&v, (const float *)numbers + place, sizeof v);
        return v;
    }
    memcpy(&h, (const uint16_t *)numbers + place, sizeof h);
    return (vec)(__builtin_convertvector(h, words) << 16);
}

/* Rounds to the nearest, ties to even; what is no number stays none. */
INLINE void store(void *numbers, long place, vec v, kind k) {
    if (k == FLOAT32) {
        memcpy((float *)numbers + place, &v, sizeof v);
        return;
    }
    const words w = (words)v, is_nan = (words)(v != v);
    const words rounded = w + 0x7fff + ((w >> 16) & 1), quiet = w | 0x400000;
    const halves h = __builtin_convertvector(((rounded & ~is_nan) | (quiet & is_nan)) >> 16, halves);
    memcpy((uint16_t *)numbers + place, &h, sizeof h);
}

/* What is no number stays none. */
INLINE vec at_least(vec v, float least) {
    const vec low = (vec){0} + least;
    const flags below = v < low;
    return (vec)(((flags)v & ~below) | ((flags)low & below));
}

/* B^T d: 6 values of a line of 6 pixels. */
INLINE void to_spectrum(const vec d[WINDOW], vec *out, int step) {
    const vec even_p = d[4] - QQ * d[2], odd_p = P * (d[3] - QQ * d[1]);
    const vec even_q = d[4] - PP * d[2], odd_q = Q * (d[3] - PP * d[1]);
    out[0] = PP * QQ * d[0] - (PP + QQ) * d[2] + d[4];
    out[step] = even_p + odd_p;
    out[2 * step] = even_p - odd_p;
    out[3 * step] = even_q + odd_q;
    out[4 * step] = even_q - odd_q;
    out[5 * step] = PP * QQ * d[1] - (PP + QQ) * d[3] + d[5];
}

/* A^T m: a line of 4 pixels of 6 products. */
INLINE void to_pixels(const vec m[WINDOW], vec *out, int step) {
    const vec even_p = m[1] + m[2], odd_p = P * (m[1] - m[2]);
    const vec even_q = m[3] + m[4], odd_q = Q * (m[3] - m[4]);
    out[0] = m[0] + even_p + even_q;
    out[step] = odd_p + odd_q;
    out[2 * step] = PP * even_p + QQ * even_q;
    out[3 * step] = PP * odd_p + QQ * odd_q + m[5];
}

typedef struct {
    long batch, height, width, channels;
    long top, lines, across; /* tiles: the first line, lines, tiles in a line */
} shape;

INLINE long pixel(shape s, long sample, long y, long x) {
    return ((sample * s.height + y) * s.width + x) * s.channels;
}

INLINE void split(const void *image, const void *mask, void *spectrum, shape s, kind k) {
    const long tiles = s.batch * s.lines * s.across;
#pragma omp parallel for
    for (long tile = 0; tile < tiles; tile++) {
        const long sample = tile / (s.lines * s.across);
        const long y = (s.top + tile / s.across % s.lines) * TILE - 1, x = tile % s.across * TILE - 1;
        const int inside = y >= 0 && y + WINDOW <= s.height && x >= 0 && x + WINDOW <= s.width;
        for (long c = 0; c < s.channels; c += LANES) {
            vec half[WINDOW * WINDOW], whole[WINDOW];
#pragma GCC unroll 6 /* for d to stay in registers */
            for (int j = 0; j < WINDOW; j++) {
                vec d[WINDOW];
#pragma GCC unroll 6
                for (int i = 0; i < WINDOW; i++) {
                    d[i] = (vec){0};
                    if (!inside && (y + i < 0 || y + i >= s.height || x + j < 0 || x + j >= s.width)) continue;
                    const long place = pixel(s, sample, y + i, x + j) + c;
                    d[i] = load(image, place, k);
                    if (mask) d[i] = (vec)((flags)d[i] & (load(mask, place, k) > 0));
                }
                to_spectrum(d, half + j, WINDOW);
            }
            for (int i = 0; i < WINDOW; i++) {
                to_spectrum(half + i * WINDOW, whole, 1);
                for (int j = 0; j < WINDOW; j++)
                    store(spectrum, ((i * WINDOW + j) * tiles + tile) * s.channels + c, whole[j], k);
            }
        }
    }
}

INLINE void join(const void *products, const float *bias, float least, void *image, shape s, kind k) {
    const long tiles = s.batch * s.lines * s.across;
#pragma omp parallel for
    for (long tile = 0; tile < tiles; tile++) {
        const long sample = tile / (s.lines * s.across);
        const long y = (s.top + tile / s.across % s.lines) * TILE, x = tile % s.across * TILE;
        for (long c = 0; c < s.channels; c += LANES) {
            const vec shift = load(bias, c, FLOAT32);
            vec half[TILE * WINDOW], whole[TILE];
            for (int j = 0; j < WINDOW; j++) {
                vec m[WINDOW];
                for (int i = 0; i < WINDOW; i++)
                    m[i] = load(products, ((i * WINDOW + j) * tiles + tile) * s.channels + c, k);
                to_pixels(m, half + j, WINDOW);
            }
            for (int i = 0; i < TILE && y + i < s.height; i++) {
                to_pixels(half + i * WINDOW, whole, 1);
                for (int j = 0; j < TILE && x + j < s.width; j++)
                    store(image, pixel(s, sample, y + i, x + j) + c, at_least(whole[j] + shift, least), k);
            }
        }
    }
}

void split_tiles(const void *image, const void *mask, void *spectrum, shape s) {
    split(image, mask, spectrum, s, KIND);
}

void join_tiles(const void *products, const float *bias, float least, void *image, shape s) {
    join(products, bias, least, image, s, KIND);
}
