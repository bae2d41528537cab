#include "histogram.h"

/* The unit is 64 ns. Below 64 units a step is one unit; above, the highest set bit picks the octave
   and the six bits behind it the step inside. */
static unsigned step_of(uint64_t ns)
{
    uint64_t units = ns >> 6;
    if (units < 64)
        return (unsigned)units;
    unsigned octave = 63 - (unsigned)__builtin_clzll(units);
    unsigned step = (octave - 5) * 64 + (unsigned)((units >> (octave - 6)) & 63);
    return step < HISTOGRAM_STEPS ? step : HISTOGRAM_STEPS - 1;
}

static uint64_t start_of(unsigned step)
{
    if (step < 64)
        return (uint64_t)step << 6;
    return (uint64_t)(64 + (step & 63)) << (step / 64 - 1) << 6;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->steps[step_of(ns)]++;
    h->count++;
    if (ns > h->largest)
        h->largest = ns;
}

double histogram_quantile(const struct histogram *h, double quantile)
{
    uint64_t seen = 0;
    for (unsigned step = 0; step < HISTOGRAM_STEPS; step++) {
        seen += h->steps[step];
        if (seen > (uint64_t)(quantile * (double)h->count))
            return (double)start_of(step) / 1000.0;
    }
    return (double)h->largest / 1000.0;
}
