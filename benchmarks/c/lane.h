/* One connection of the generator: one request after the other, each judged once it is answered. */
#ifndef LANE_H
#define LANE_H

#include "buffer.h"
#include "response.h"
#include "tally.h"

struct lane {
    int fd; /* -1: not connected */
    bool busy, waits_for_room;
    size_t sent;
    uint64_t started;
    struct response response;
};

/* What all lanes share. */
struct lanes {
    int epoll;
    int busy;              /* how many have an answer to come */
    struct buffer request; /* what each of them sends */
    struct tally tally;
};
extern struct lanes lanes;

void lane_start(struct lane *lane);
void lane_handle(struct lane *lane, uint32_t events);

#endif
