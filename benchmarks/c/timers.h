/* What is due next: a binary heap of timers that live inside the things that wait. */
#ifndef TIMERS_H
#define TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer {
    uint64_t due; /* of now_ns() */
    size_t place; /* in the heap, counted from 1; 0: not set */
};

void timer_set(struct timer *timer, uint64_t due);
void timer_clear(struct timer *timer);
/* The timer that is due first, or NULL. */
struct timer *timer_first(void);

#endif
