/* The two transforms of tiles.py, one pass over memory each.

   Compiled with P and Q: the points of interpolation are 0, P, -P, Q, -Q and infinity. Images are
   (batch, lines, columns, channels), spectra 36 planes of (tiles, channels); channels are a multiple of LANES. All sums
   are float32, whatever the numbers are stored as. */

#include <stdint.h>
#include <string.h>

#define LANES 16
#define TILE 4
#define WINDOW 6

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t flags __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES)));

static const float PP = (P) * (P), QQ = (Q) * (Q);

/* B^T d: the values of the polynomials through 6 pixels. */
static inline void to_spectrum(const vec d[WINDOW], vec *out, int step) {
    const vec even_p = d[4] - QQ * d[2], odd_p = P * (d[3] - QQ * d[1]);
    const vec even_q = d[4] - PP * d[2], odd_q = Q * (d[3] - PP * d[1]);
    out[0] = PP * QQ * d[0] - (PP + QQ) * d[2] + d[4];
    out[step] = even_p + odd_p;
    out[2 * step] = even_p - odd_p;
    out[3 * step] = even_q + odd_q;
    out[4 * step] = even_q - odd_q;
    out[5 * step] = PP * QQ * d[1] - (PP + QQ) * d[3] + d[5];
}

/* A^T m: 4 pixels of the products. */
static inline void to_pixels(const vec m[WINDOW], vec *out, int step) {
    const vec even_p = m[1] + m[2], odd_p = P * (m[1] - m[2]);
    const vec even_q = m[3] + m[4], odd_q = Q * (m[3] - m[4]);
    out[0] = m[0] + even_p + even_q;
    out[step] = odd_p + odd_q;
    out[2 * step] = PP * even_p + QQ * even_q;
    out[3 * step] = PP * odd_p + QQ * odd_q + m[5];
}

static inline vec load_float32(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store_float32(float *p, vec v) { memcpy(p, &v, sizeof v); }

static inline vec load_bfloat16(const uint16_t *p) {
    halves h;
    memcpy(&h, p, sizeof h);
    return (vec)(__builtin_convertvector(h, words) << 16);
}

/* Rounds to the nearest, ties to even; what is no number stays none. */
static inline void store_bfloat16(uint16_t *p, vec v) {
    const words w = (words)v;
    const words rounded = w + 0x7fff + ((w >> 16) & 1), quiet = w | 0x400000;
    const words is_nan = (words)(v != v);
    const halves h = __builtin_convertvector(((rounded & ~is_nan) | (quiet & is_nan)) >> 16, halves);
    memcpy(p, &h, sizeof h);
}

/* What is no number stays none. */
static inline vec at_least(vec v, vec low) {
    const flags below = v < low;
    return (vec)(((flags)v & ~below) | ((flags)low & below));
}

/* Spectrum of the windows around `rows` lines of tiles from line `top` of tiles on. Where `mask` is given, pixels count
   only where the mask is positive: the gradient of a ReLU. */
#define INPUTS(TYPE, NUMBER)                                                                                           \
    void inputs_##TYPE(const NUMBER *image, const NUMBER *mask, NUMBER *spectrum, long batch, long height, long width, \
                       long channels, long top, long rows, long across, long plane) {                                  \
        _Pragma("omp parallel for") for (long tile = 0; tile < batch * rows * across; tile++) {                        \
            const long sample = tile / (rows * across);                                                                \
            const long y = (top + tile / across % rows) * TILE - 1, x = tile % across * TILE - 1;                      \
            for (long c = 0; c < channels; c += LANES) {                                                               \
                vec half[WINDOW * WINDOW], whole[WINDOW];                                                              \
                for (int j = 0; j < WINDOW; j++) {                                                                     \
                    vec d[WINDOW];                                                                                     \
                    for (int i = 0; i < WINDOW; i++) {                                                                 \
                        d[i] = (vec){0};                                                                               \
                        if (y + i < 0 || y + i >= height || x + j < 0 || x + j >= width) continue;                     \
                        const long place = ((sample * height + y + i) * width + x + j) * channels + c;                 \
                        d[i] = load_##TYPE(image + place);                                                             \
                        if (mask) d[i] = (vec)((flags)d[i] & (load_##TYPE(mask + place) > 0));                         \
                    }                                                                                                  \
                    to_spectrum(d, half + j, WINDOW);                                                                  \
                }                                                                                                      \
                for (int i = 0; i < WINDOW; i++) {                                                                     \
                    to_spectrum(half + i * WINDOW, whole, 1);                                                          \
                    for (int j = 0; j < WINDOW; j++)                                                                   \
                        store_##TYPE(spectrum + (i * WINDOW + j) * plane + tile * channels + c, whole[j]);             \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

/* Pixels of the products, plus bias, and no less than `least`; tiles may reach over the edges. */
#define OUTPUTS(TYPE, NUMBER)                                                                                          \
    void outputs_##TYPE(const NUMBER *products, const float *bias, NUMBER *image, float least, long batch,             \
                        long height, long width, long channels, long top, long rows, long across, long plane) {        \
        _Pragma("omp parallel for") for (long tile = 0; tile < batch * rows * across; tile++) {                        \
            const long sample = tile / (rows * across);                                                                \
            const long y = (top + tile / across % rows) * TILE, x = tile % across * TILE;                              \
            for (long c = 0; c < channels; c += LANES) {                                                               \
                vec half[TILE * WINDOW], whole[TILE];                                                                  \
                for (int j = 0; j < WINDOW; j++) {                                                                     \
                    vec m[WINDOW];                                                                                     \
                    for (int i = 0; i < WINDOW; i++)                                                                   \
                        m[i] = load_##TYPE(products + (i * WINDOW + j) * plane + tile * channels + c);                 \
                    to_pixels(m, half + j, WINDOW);                                                                    \
                }                                                                                                      \
                const vec shift = load_float32(bias + c), low = (vec){0} + least;                                      \
                for (int i = 0; i < TILE && y + i < height; i++) {                                                     \
                    to_pixels(half + i * WINDOW, whole, 1);                                                            \
                    for (int j = 0; j < TILE && x + j < width; j++) {                                                  \
                        const vec pixel = whole[j] + shift;                                                            \
                        const long place = ((sample * height + y + i) * width + x + j) * channels + c;                 \
                        store_##TYPE(image + place, at_least(pixel, low));                                             \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

INPUTS(float32, float)
INPUTS(bfloat16, uint16_t)
OUTPUTS(float32, float)
OUTPUTS(bfloat16, uint16_t)
