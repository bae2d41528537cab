/* Durations in logarithmic steps of 1/64 (so a quantile is right to 1.6 %), from 64 ns to hours. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS (48 * 64)

struct histogram {
    uint64_t count, largest;
    uint64_t steps[HISTOGRAM_STEPS];
};

void histogram_add(struct histogram *h, uint64_t ns);
/* Microseconds; 0 for an empty one. */
double histogram_quantile(const struct histogram *h, double quantile);

#endif
