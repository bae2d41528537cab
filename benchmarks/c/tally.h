/* The results of a load, printed as one JSON object on standard output. */
#ifndef TALLY_H
#define TALLY_H

#include "histogram.h"

#define STATUSES 600

struct tally {
    uint64_t requests, ok;
    /* Answers that were not what was asked for: another status than 200; marks or [DONE] missing; the
       connection ended inside; no end within the patience. */
    uint64_t refused, incomplete, lost, unfinished;
    uint64_t connects, bytes, marks;
    uint64_t statuses[STATUSES];
    struct histogram latency; /* of whole answers */
    struct histogram first;   /* from the request to the first mark */
    struct histogram transit; /* of one mark: sent by the mock, received here */
};

void tally_print(const struct tally *tally, double seconds);

#endif
